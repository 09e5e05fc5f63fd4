/** What this feature offers to `app`. */
export { AccountDialog } from './AccountDialog';
