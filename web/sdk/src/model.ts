/**
 * What the SDK shows to a user interface: plain, immutable data, derived from the rooms' logs.
 * The sync engine is the only writer; a user interface subscribes and renders.
 * Nothing here holds a key or a ciphertext.
 */

export type Role = 'owner' | 'admin' | 'moderator' | 'member' | 'reader' | 'pending';

/** How the bridge can be reached right now. */
export type Connection =
  | { state: 'connecting' }
  | { state: 'online' }
  /** Lost; the next try comes at `retryAt` (milliseconds since 1970), or when the browser says it is online. */
  | { state: 'offline'; retryAt: number };

export interface User {
  id: string;
  username: string;
  displayName: string;
}

/** Who is signed in on this device. */
export interface Account extends User {
  device: string;
  /** `elsewhere`: this account's keys were made in another browser; messages cannot be read here. */
  keys: 'ready' | 'preparing' | 'elsewhere';
}

export interface RoomSummary {
  id: string;
  name: string;
  /** The 6-character room code; absent while pending. */
  code: string | null;
  encrypted: boolean;
  role: Role;
  memberCount: number;
  /** Messages after the read mark. */
  unread: number;
  lastMessage: { sender: string; text: string; at: Date } | null;
}

/** How a member's keys are vouched for. */
export type Trust =
  /** In the signed control log, by an invite or an admin whose signature was checked. */
  | 'verified'
  /** Joined by room code, or by the application's doing, and let in by an admin's page, on the server's word for who that is. */
  | 'code'
  /** The server says so; the signed log does not. Nothing is encrypted to them. */
  | 'unverified'
  /** Waiting to be let in. */
  | 'pending'
  /** In the signed log, and left out of the server's list: hidden, or removed without a signed word. */
  | 'unlisted'
  /** In the signed log under other keys than this device knows. Nothing is encrypted to them from here. */
  | 'changed';

export interface Member {
  user: User;
  role: Role;
  trust: Trust;
  online: boolean;
}

export type Delivery = 'sending' | 'sent' | 'failed';

export type TimelineItem =
  | {
      type: 'message';
      /** Stable over the item's life: the client message id. */
      key: string;
      seq: number | null;
      sender: User;
      own: boolean;
      text: string;
      at: Date;
      delivery: Delivery;
      /** Why a send failed, in words for the user; only with delivery `failed`. */
      problem: string | null;
    }
  | {
      /** A message that failed a check or cannot be opened: shown as what it is. */
      type: 'unreadable';
      key: string;
      seq: number;
      sender: User | null;
      at: Date;
      /** `before-joining`: sent in an epoch whose key this device never had; `removed`: the server says that it was taken back. */
      reason: 'removed' | 'before-joining' | 'waiting-for-key' | 'tampered' | 'unknown-format';
      /** The failed check, in words. */
      detail: string;
    }
  | {
      /** What happened in the room; `by` says whether members signed it or the server claims it. */
      type: 'notice';
      key: string;
      seq: number;
      at: Date;
      notice: 'created' | 'joined' | 'let-in' | 'left' | 'removed' | 'renamed' | 'new-key' | 'waiting' | 'role' | 'system';
      subject: User | null;
      by: 'signed' | 'server';
      /** Of `renamed` the new name; of `role` the new role; of `system` what the application says, in plain text that the server could read; of a signed `let-in` the admin whose page let them in by room code. */
      text: string | null;
    };

export interface RoomView {
  room: RoomSummary;
  members: readonly Member[];
  timeline: readonly TimelineItem[];
  /** Whether older events can be loaded. */
  hasOlder: boolean;
  loadingOlder: boolean;
  typing: readonly User[];
  state:
    | 'loading'
    | 'ready'
    /** This user waits to be let in. */
    | 'pending'
    /** A member left; sends wait until somebody's page has committed the next key. */
    | 'rekeying'
    /** No longer a member. */
    | 'gone'
    /** The control log does not verify: nothing is sent or shown as trusted. `fault` says what. */
    | 'broken';
  /** What is wrong with a `broken` room, or why a `pending` user waits in vain. */
  fault: string | null;
  /** What a user should know about the room's record although it goes on, each in words. */
  warnings: readonly string[];
}

/** A sign-in of this account, here or elsewhere. */
export interface SignIn {
  id: string;
  /** What the client called itself. */
  device: string;
  /** Where it last refreshed from. */
  address: string | null;
  since: Date;
  lastUsed: Date;
  current: boolean;
  /** Whether it has a connection right now, as far as the server knows. */
  connected: boolean;
}

/** An OpenID provider that one can sign in at. */
export interface Provider {
  name: string;
  /** For people. */
  label: string;
  issuer: string;
}

/** An account at a provider by which one signs in to this account. */
export interface Identity {
  id: string;
  issuer: string;
  /** That the provider has said last and has verified. */
  email: string | null;
  since: Date;
  lastUsed: Date;
}

/** An account at a provider that waits in this browser until somebody says whether it belongs to an account here. */
export interface LinkOffer {
  /** The provider's name. */
  provider: string;
  email: string;
  /** Asked for by the account that it is to belong to; else that is the one with this address, and its password is needed. */
  bySession: boolean;
}

/** What the server knows of an account, for its owner alone. */
export interface Profile {
  displayName: string;
  /** One can sign in with it, too. */
  email: string | null;
}

/** Why a sign-in is over. */
export type Ended =
  /** Its account was deleted, here and just now. */
  | 'erased'
  /** By signing out here, of which the server does not know yet. */
  | 'unheard'
  /** In the list of sign-ins of another device. */
  | 'revoked'
  | 'password-changed'
  | 'administrator'
  | 'disabled'
  | 'device-revoked'
  /** An old refresh token was used: by a thief, or by this browser, which never got the new one. */
  | 'reused'
  | 'expired'
  /** By another tab of this browser, or its cookies are gone. */
  | 'signed-out'
  /** Somebody else signed in in another tab of this browser. */
  | 'replaced'
  /** The server does not say; so it is when the account was erased elsewhere. */
  | 'unknown';

export interface Snapshot {
  connection: Connection;
  account: Account | null;
  /** Why nobody is signed in any more, other than by signing out here as one should. */
  ended: Ended | null;
  /** null until the first answer of the server. */
  rooms: readonly RoomSummary[] | null;
}

/** A refusal in the server's own terms (API.md, "Errors"). */
export interface Problem {
  code: string;
  title: string;
  hint: string | null;
  retryAfter: number | null;
}

export interface InvitePreview {
  roomName: string;
  memberCount: number;
  expiresAt: Date | null;
}

/**
 * The one object that a user interface talks to. Methods reject with a `PorcupineError` that carries a `Problem`.
 */
export interface Porcupine {
  /**
   * Restores the session of this browser, if there is one; resolves when `snapshot().account` is known. `returning`: the browser comes
   * back from a provider, so that there may be a session of somebody whom it does not know.
   */
  start(options?: { returning?: boolean }): Promise<void>;
  snapshot(): Snapshot;
  /** Calls back after each change of `snapshot()`; returns the unsubscribe function. */
  subscribe(onChange: () => void): () => void;

  register(input: { username: string; password: string; displayName: string }): Promise<void>;
  signIn(input: { username: string; password: string }): Promise<void>;
  /**
   * Ends the session here and at the server; keys of this device stay for the next sign-in. Where the server cannot be told now, `snapshot().ended` is
   * `unheard`, and it is told before this browser signs in again, or when it starts the next time.
   */
  signOut(): Promise<void>;
  profile(): Promise<Profile>;
  /** What is left out stays as it is; an email that is empty is taken away. */
  changeProfile(change: { displayName?: string; email?: string }): Promise<Profile>;
  /**
   * Erases the account at the server, and what this browser keeps of it. `password` is null where the account has none. `snapshot().ended`
   * is `erased` then.
   */
  eraseAccount(input: { password: string | null }): Promise<void>;
  /** Everything that the server has of this account: a list for each kind of it. `too_large` above 64 MiB. */
  exportAccount(): Promise<Readonly<Record<string, readonly unknown[]>>>;
  /** The sign-ins of this account that are not over, this one first. */
  signIns(): Promise<readonly SignIn[]>;
  /** Ends another one; it shows the sign-in page within seconds. */
  endSignIn(id: string): Promise<void>;
  endOtherSignIns(): Promise<void>;
  /** Ends all other sign-ins, too. `oldPassword` is null where the account has none. */
  changePassword(input: { oldPassword: string | null; newPassword: string }): Promise<void>;

  providers(): Promise<readonly Provider[]>;
  /** Where to send the browser to sign in. It comes back to `returnTo`, a path of the page, as API.md says. */
  signInAt(provider: string, returnTo: string): Promise<string>;
  /** The same, for a further identity of this account. */
  linkAt(provider: string, returnTo: string): Promise<string>;
  /** What waits to be linked in this browser; null when nothing does. */
  linkOffer(): Promise<LinkOffer | null>;
  /** Links it to this account, which has asked for it. `password` is null where the account has none. */
  acceptLink(input: { password: string | null }): Promise<void>;
  /** Links it to the account that has its address, by the password of that account, and signs in to it. */
  confirmLink(password: string): Promise<void>;
  /** That account is another's: signs in to a new one without the address. */
  declineLink(): Promise<void>;
  identities(): Promise<readonly Identity[]>;
  /** Refused with `conflict` when it is the last way to sign in. */
  unlink(identity: string): Promise<void>;

  createRoom(name: string): Promise<RoomSummary>;
  /** Joins by 6-character code. */
  joinByCode(code: string): Promise<RoomSummary>;
  /** Joins by invite link: the whole link or its fragment. */
  joinByLink(link: string): Promise<RoomSummary>;
  previewLink(link: string): Promise<InvitePreview>;
  leave(room: string): Promise<void>;
  /** Makes an invite; the secret stays in the fragment of the URL that it returns. */
  createInvite(room: string, options: { expiresIn: number; maxUses: number | null }): Promise<string>;

  /** A live view of one room; `close` it when it is no longer shown. */
  openRoom(room: string): RoomHandle;
}

export interface RoomHandle {
  view(): RoomView;
  subscribe(onChange: () => void): () => void;
  /** Queues a message: it appears in the timeline at once as `sending`. */
  send(text: string): Promise<void>;
  /** Tries a failed message again. */
  retry(key: string): Promise<void>;
  /** Takes a failed message out of the queue. */
  discard(key: string): Promise<void>;
  loadOlder(): Promise<void>;
  markRead(): void;
  typing(): void;
  close(): void;
}
