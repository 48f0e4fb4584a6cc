/** Nodes: how they join, what they say of themselves, what others are told of them. */

export type NodeRole = 'edge' | 'origin' | 'geo';

/** Where a node stands, in degrees. */
export interface Place {
  readonly latitude: number;
  readonly longitude: number;
}

/** Sent once, `POST /v1/nodes/join` with `Authorization: Bearer JOIN_TOKEN`. Joining again with the same id takes the id over. */
export interface JoinRequest {
  readonly id: string;
  readonly role: NodeRole;
  /** base URL under which viewers (edge), edges (origin) or viewers (geo) reach it, without a trailing slash */
  readonly url: string;
  /** origin: `rtmp://HOST:PORT` and, where it listens, `rtmps://HOST:PORT` */
  readonly rtmpUrl?: string;
  readonly rtmpsUrl?: string;
  readonly place: Place | null;
  readonly version: string;
}

/** The answer to a join: the credential for heartbeats and the feed. */
export interface JoinReply {
  readonly credential: string;
  readonly heartbeatMs: number;
}

/** Sent every second, `POST /v1/nodes/ID/heartbeat`. The cursor acknowledges the feed up to it. */
export interface Heartbeat {
  readonly cursor: string | null;
  readonly load: Load;
  readonly draining: boolean;
  /** origin only: the streams on air here with the newest epoch's ordinal, so that ordinals survive this origin */
  readonly streams?: readonly { readonly name: string; readonly epochOrdinal: number }[];
}

export interface Load {
  /** 0…1 of the cores this process may use */
  readonly cpu: number;
  /** bytes per second to viewers */
  readonly egressBytesPerSecond: number;
  readonly connections: number;
  /** p99 of the event loop's lag in ms */
  readonly loopLagMs: number;
}

/** What the feed tells of a node. `healthy` turns false when the heartbeat lapses for 3 s. */
export interface NodeRecord {
  readonly id: string;
  readonly role: NodeRole;
  readonly url: string;
  readonly rtmpUrl?: string;
  readonly rtmpsUrl?: string;
  readonly place: Place | null;
  readonly version: string;
  readonly healthy: boolean;
  readonly draining: boolean;
  readonly load: Load;
}
