/** What this feature offers to `app`. */
export { InviteDialog } from './InviteDialog';
export { JoinDialog } from './JoinDialog';
export { JoinPage } from './JoinPage';
