/** What this feature offers to `app`. */
export { AuthScreen } from './AuthScreen';
