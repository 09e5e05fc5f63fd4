/** Which rooms the list shows and in which order. */
import type { RoomSummary } from '@porcupine/sdk';

/** Rooms whose name contains the query, the one with the latest message first; silent rooms follow by name. */
export function arrangeRooms(rooms: readonly RoomSummary[], query: string): RoomSummary[] {
  const wanted = query.trim().toLocaleLowerCase();
  return rooms
    .filter((room) => room.name.toLocaleLowerCase().includes(wanted))
    .sort((a, b) => spokenAt(b) - spokenAt(a) || a.name.localeCompare(b.name));
}

function spokenAt(room: RoomSummary): number {
  return room.lastMessage?.at.getTime() ?? 0;
}
