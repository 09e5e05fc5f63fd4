// @vitest-environment happy-dom
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import type { RoomHandle } from '@porcupine/sdk';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { startWords } from '../../lib/i18n';
import { garden } from '../../lib/testRoom';
import { Composer } from './Composer';
import type { Drafts } from './drafts';

const send = vi.fn<RoomHandle['send']>();
const typing = vi.fn();
const handle = { send, typing } as unknown as RoomHandle;
let drafts: Drafts;

const field = () => screen.getByRole<HTMLTextAreaElement>('textbox', { name: 'Message to Garden' });
const show = (waiting = false) => render(<Composer room={garden} handle={() => handle} drafts={drafts} waiting={waiting} />);

beforeAll(startWords);
beforeEach(() => {
  drafts = new Map();
  send.mockReset().mockResolvedValue();
  typing.mockReset();
});
afterEach(cleanup);

describe('Composer', () => {
  it('sends on Enter and empties itself', () => {
    show();
    fireEvent.change(field(), { target: { value: '  hello  ' } });
    fireEvent.keyDown(field(), { key: 'Enter' });
    expect(send).toHaveBeenCalledExactlyOnceWith('hello');
    expect(field().value).toBe('');
  });

  it('does not send on Shift+Enter, while composing, or when there is nothing to send', () => {
    show();
    fireEvent.keyDown(field(), { key: 'Enter' });
    fireEvent.change(field(), { target: { value: 'hello' } });
    fireEvent.keyDown(field(), { key: 'Enter', shiftKey: true });
    fireEvent.keyDown(field(), { key: 'Enter', isComposing: true });
    expect(send).not.toHaveBeenCalled();
  });

  it('keeps the draft for the next time the room is shown', () => {
    show();
    fireEvent.change(field(), { target: { value: 'half a thought' } });
    cleanup();
    show();
    expect(field().value).toBe('half a thought');
  });

  it('gives the words back when they could not be queued, and says why', async () => {
    send.mockRejectedValue(Object.assign(new Error('too large'), { problem: { code: 'too_large', title: '', hint: null, retryAfter: null } }));
    show();
    fireEvent.change(field(), { target: { value: 'much too long' } });
    fireEvent.keyDown(field(), { key: 'Enter' });
    await waitFor(() => expect(screen.getByRole('alert').textContent).toContain('That is too long.'));
    expect(field().value).toBe('much too long');
  });

  it('tells the room of typing, but not at every key', () => {
    show();
    fireEvent.change(field(), { target: { value: 'a' } });
    fireEvent.change(field(), { target: { value: 'ab' } });
    expect(typing).toHaveBeenCalledOnce();
  });

  it('can be written in, but not sent from, while the keys are made', () => {
    show(true);
    fireEvent.change(field(), { target: { value: 'early' } });
    fireEvent.keyDown(field(), { key: 'Enter' });
    expect(send).not.toHaveBeenCalled();
    expect(screen.getByRole('status').textContent).not.toBe('');
  });
});
