/** The room that tests of the page show; they change what matters to them. */
import type { RoomSummary } from '@porcupine/sdk';

export const garden: RoomSummary = {
  id: 'r1',
  name: 'Garden',
  code: 'ABC123',
  encrypted: true,
  role: 'member',
  memberCount: 2,
  unread: 0,
  lastMessage: null,
};
