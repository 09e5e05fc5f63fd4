/**
 * The JSON of API.md as types, in the wire's own names. Data only: nothing here is trusted by being typed,
 * what matters is checked by signature where it is used.
 */
import type { Role } from '../model.ts';

export interface WireUser {
  id: string;
  username: string;
  display_name: string;
}

/** What the server knows of oneself. */
export interface WireProfile extends WireUser {
  email: string | null;
  device: string;
  created_at: string;
}

export interface WireSession {
  user: WireUser;
  session: string;
  device: string;
  access: string;
  refresh?: string;
  expires_in: number;
}

export interface WireSignIn {
  id: string;
  device: string;
  device_name: string;
  address: string | null;
  created_at: string;
  last_used_at: string;
  current: boolean;
  live: boolean;
}

export interface WireProvider {
  name: string;
  label: string;
  issuer: string;
}

export interface WireLinkOffer {
  provider: string;
  email: string;
  by_session: boolean;
}

export interface WireIdentity {
  id: string;
  issuer: string;
  email: string | null;
  created_at: string;
  last_used_at: string;
}

export interface WireRoom {
  id: string;
  name: string;
  code: string | null;
  encrypted: boolean;
  role: Role;
  head: number;
  stream: number;
  epoch: number;
  epoch_open: boolean;
  /** Length of the control log. */
  log: number;
  members: number;
  max_members: number;
  created_by: string | null;
  created_at: string;
  joined_seq: number | null;
  read_seq: number | null;
}

export interface WireMember {
  user: WireUser;
  role: Role;
  joined_seq: number | null;
  joined_at: string;
}

export interface WireEvent {
  room: string;
  seq: number;
  kind: string;
  sender: string | null;
  device: string | null;
  client_id: string | null;
  epoch: number | null;
  body: string | null;
  ref: number | null;
  data?: Record<string, unknown> | null;
  created_at: string;
}

export interface WirePage {
  results: WireEvent[];
  head: number;
  stream: number;
  reset: boolean;
}

export interface WireInvite {
  id: string;
  room: string;
  name: string;
  members: number;
  sealed: string | null;
  expires_at: string | null;
}

export interface WireDevice {
  device: string;
  keys: string;
}

export interface WireDevices {
  user: WireUser | string;
  identity: string | null;
  version: number | null;
  list: string | null;
  devices: WireDevice[];
}

export interface WireEntry {
  index: number;
  seq: number;
  entry: string;
  sender: string | null;
  device: string | null;
  created_at: string;
}

export interface WireBundle {
  epoch: number;
  index: number;
  sender: string;
  device: string;
  bundle: string;
}

export interface WireEpochs {
  results: WireBundle[];
  epoch: number;
  open: boolean;
}

export interface EpochCommit {
  epoch: number;
  index: number;
  entries: string[];
  bundles: { device: string; bundle: string }[];
  remove?: string[];
}

/** What the server says over the socket; frames of other types are dropped by the socket. */
export type ServerFrame =
  | { type: 'ready'; user: WireUser; session: string; device: string; stream: number }
  | SubscribedFrame
  | ({ type: 'reset' } & Omit<SubscribedFrame, 'type' | 'online'>)
  | { type: 'unsubscribed'; room: string; code?: string }
  | ({ type: 'event' } & WireEvent)
  | { type: 'ack'; room: string; client_id: string; seq: number; created_at: string }
  | { type: 'typing'; room: string; user: string }
  | { type: 'presence'; room: string; user: string | null; online: boolean }
  | { type: 'membership'; room: string; role: Role | null }
  | { type: 'heads'; heads: Record<string, number> }
  | { type: 'pong' }
  | ErrorFrame;

export interface SubscribedFrame {
  type: 'subscribed';
  room: string;
  head: number;
  stream: number;
  epoch: number;
  epoch_open: boolean;
  online: string[];
}

export interface ErrorFrame {
  type: 'error';
  code: string;
  message: string;
  room?: string;
  client_id?: string;
  request?: string;
  [field: string]: unknown;
}

export type ClientFrame =
  | { type: 'subscribe'; room: string; after?: number; stream?: number }
  | { type: 'unsubscribe'; room: string }
  | { type: 'send'; room: string; client_id: string; epoch: number; body: string; kind?: string; ref?: number }
  | { type: 'typing'; room: string }
  | { type: 'read'; room: string; seq: number };
