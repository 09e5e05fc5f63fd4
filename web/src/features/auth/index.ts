/** What this feature offers to `app`. */
export { AuthScreen } from './AuthScreen';
export { LinkDialog } from './LinkDialog';
export { NotLinkedDialog } from './NotLinkedDialog';
