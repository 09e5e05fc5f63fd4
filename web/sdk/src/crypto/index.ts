/**
 * The encryption layer's surface: what sync and store may use. docs/encryption.md is the format.
 *
 * Nothing here talks to a server or stores anything. Functions that check return results with a reason;
 * they throw only for a programming error (RangeError) and for a change that the control log does not permit
 * (RefusedChange).
 */
export type * from './types.ts';

export { equalBytes, fromBase64, fromBase64Url, fromHex, fromUtf8, toBase64, toBase64Url, toHex, utf8 } from './encoding.ts';
export { checkPin, createAccountKeys, openDeviceList, openLocal, sealLocal } from './keys.ts';
export { RefusedChange, currentEpoch, foldLog, parseEntry, recipientsOf, signChange } from './controllog.ts';
export { createRoom, openEpoch, prepareEpoch, unsealEpoch } from './epochs.ts';
export { beforeFirst, maxContent, openMessage, overRemoved, sealMessage } from './message.ts';
export {
  checkInvite,
  draftInvite,
  inviteCode,
  inviteLink,
  openInvite,
  parseInviteLink,
  prepareInvite,
  signJoin,
} from './invite.ts';
