/** What this feature offers to `app`. */
export { CreateRoomDialog } from './CreateRoomDialog';
export { RoomList } from './RoomList';
