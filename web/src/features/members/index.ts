/** What this feature offers to `app`. */
export { LeaveDialog } from './LeaveDialog';
export { MembersPanel } from './MembersPanel';
