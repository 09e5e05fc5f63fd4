/**
 * Gives components the SDK's facade and its live data. It holds no data of its own: the SDK's
 * snapshots are immutable, so React reads them directly.
 */
import { createContext, use, useMemo, useSyncExternalStore } from 'react';
import type { Porcupine, RoomHandle, RoomView, Snapshot } from '@porcupine/sdk';

export const PorcupineContext = createContext<Porcupine | null>(null);

export function usePorcupine(): Porcupine {
  const porcupine = use(PorcupineContext);
  if (porcupine === null) throw new Error('a component was rendered outside of PorcupineContext');
  return porcupine;
}

export function useSnapshot(): Snapshot {
  const porcupine = usePorcupine();
  return useSyncExternalStore(
    (changed) => porcupine.subscribe(changed),
    () => porcupine.snapshot(),
  );
}

export interface Room {
  /** null only before the room is opened. */
  view: RoomView | null;
  /** The open room; null only before it is opened. */
  handle: () => RoomHandle | null;
}

/** A live room, open for as long as the component that asks is mounted. */
export function useRoom(id: string): Room {
  const porcupine = usePorcupine();
  const store = useMemo(() => roomStore(porcupine, id), [porcupine, id]);
  const view = useSyncExternalStore(store.subscribe, store.view);
  return { view, handle: store.handle };
}

function roomStore(porcupine: Porcupine, id: string) {
  let open: RoomHandle | null = null;
  return {
    handle: () => open,
    view: () => open?.view() ?? null,
    subscribe: (changed: () => void) => {
      const handle = porcupine.openRoom(id);
      const unsubscribe = handle.subscribe(changed);
      open = handle;
      return () => {
        open = null;
        unsubscribe();
        handle.close();
      };
    },
  };
}
