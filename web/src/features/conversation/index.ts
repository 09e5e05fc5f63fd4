/** What this feature offers to `app`. */
export { Conversation } from './Conversation';
export type { Drafts } from './drafts';
export { TimelineSkeleton } from './TimelineSkeleton';
