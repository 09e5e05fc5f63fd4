/**
 * Where one writes. Enter sends, Shift+Enter breaks the line; on touch keyboards Enter breaks it
 * and the button sends. Unsent words stay in `drafts`, which is memory of the page and nothing else.
 */
import { useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import type { RoomHandle, RoomSummary } from '@porcupine/sdk';
import { wordsFor } from '../../lib/problems';
import { TOUCH, useMedia } from '../../lib/useMedia';
import { Icon } from '../../ui/Icon';
import styles from './Composer.module.css';
import type { Drafts } from './drafts';

const TYPING_EVERY = 3000;
const TALLEST = 220;

interface ComposerProps {
  room: RoomSummary;
  handle: () => RoomHandle | null;
  drafts: Drafts;
  /** The keys are still being made: writing is possible, sending not yet. */
  waiting: boolean;
}

export function Composer({ room, handle, drafts, waiting }: ComposerProps) {
  const { t } = useTranslation();
  const touch = useMedia(TOUCH);
  const field = useRef<HTMLTextAreaElement>(null);
  const toldTyping = useRef(0);
  const [text, setText] = useState(() => drafts.get(room.id) ?? '');
  const [refused, setRefused] = useState<string | null>(null);
  const empty = text.trim() === '';

  // On a touch screen focus would raise the keyboard over the conversation.
  useEffect(() => {
    if (!touch) field.current?.focus({ preventScroll: true });
  }, [touch]);

  useLayoutEffect(() => {
    const area = field.current;
    if (area === null) return;
    area.style.height = 'auto';
    area.style.height = `${Math.min(area.scrollHeight, TALLEST)}px`;
  }, [text]);

  const write = (next: string) => {
    setText(next);
    if (next === '') drafts.delete(room.id);
    else drafts.set(room.id, next);
  };

  const tellTyping = () => {
    const now = Date.now();
    if (now - toldTyping.current < TYPING_EVERY) return;
    toldTyping.current = now;
    handle()?.typing();
  };

  const send = () => {
    const open = handle();
    if (empty || waiting || open === null) return;
    const sent = text;
    setRefused(null);
    write('');
    toldTyping.current = 0;
    field.current?.focus();
    open.send(sent.trim()).catch((error: unknown) => {
      setRefused(t('conversation.sendFailed', { problem: wordsFor(error, t) }));
      if ((drafts.get(room.id) ?? '') === '') write(sent);
    });
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing || touch) return;
    event.preventDefault();
    send();
  };

  return (
    <form
      className={styles.composer}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {(refused !== null || waiting) && (
        <p className={refused === null ? styles.hint : styles.refused} role={refused === null ? 'status' : 'alert'}>
          {refused ?? t('conversation.keysPreparing')}
        </p>
      )}
      <div className={styles.box}>
        <textarea
          ref={field}
          className={styles.field}
          rows={1}
          dir="auto"
          value={text}
          aria-label={t('conversation.composer', { room: room.name })}
          placeholder={t('conversation.placeholder', { room: room.name })}
          enterKeyHint={touch ? 'enter' : 'send'}
          onKeyDown={onKeyDown}
          onChange={(event) => {
            write(event.currentTarget.value);
            if (event.currentTarget.value.trim() !== '') tellTyping();
          }}
        />
        <button type="submit" className={styles.send} aria-label={t('conversation.send')} title={t('conversation.send')} disabled={empty || waiting}>
          <Icon name="send" />
        </button>
      </div>
    </form>
  );
}
