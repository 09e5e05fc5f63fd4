/** What this feature offers to `app`. */
export { Conversation, type Drafts } from './Conversation';
export { TimelineSkeleton } from './TimelineSkeleton';
