/** Nodes: how they join, what they say of themselves, what others are told of them. */

export type NodeRole = 'edge' | 'origin' | 'geo';

/** Where a node stands, in degrees. */
export interface Place {
  readonly latitude: number;
  readonly longitude: number;
}

/** What a process of a node says of itself when it starts. */
export interface NodeDescription {
  readonly id: string;
  readonly role: NodeRole;
  /** base URL under which viewers (edge), edges (origin) or viewers (geo) reach it, without a trailing slash */
  readonly url: string;
  /** origin: `rtmp://HOST:PORT` and, where it listens, `rtmps://HOST:PORT` */
  readonly rtmpUrl?: string;
  readonly rtmpsUrl?: string;
  readonly place: Place | null;
  /** a part of the fleet that policies name, such as `eu`; what a join token says counts more */
  readonly zone: string;
  /** nodes that fail together share one: a rack, a site, a provider; a node's own id when nothing else is said */
  readonly failureDomain: string;
  /** what it can send to viewers */
  readonly capacityBitsPerSecond: number;
  readonly version: string;
}

/** Sent once, `POST /v1/nodes/join` with `Authorization: Bearer JOIN_TOKEN`. Joining again with the same key changes nothing. */
export interface JoinRequest {
  readonly node: NodeDescription;
  /** Ed25519, base64url: what the node's proofs are checked with from now on */
  readonly publicKey: string;
  /** see `node-credential.ts`; wanted of whoever comes again with a token that was used */
  readonly proof?: string;
}

/** Sent when a process of an enrolled node starts, and to renew: `POST /v1/nodes/ID/credential`. */
export interface CredentialRequest {
  readonly node: NodeDescription;
  readonly publicKey: string;
  /** see `node-credential.ts` */
  readonly proof: string;
  /** its process has just begun: an edge is asked whether it is ready before it gets viewers again */
  readonly starting: boolean;
}

/** The answer to both: what heartbeats and the feed are asked with. */
export interface NodeSession {
  readonly credential: string;
  readonly expiresAtMs: number;
  readonly heartbeatMs: number;
}

/** Sent every second, `POST /v1/nodes/ID/heartbeat`. The cursor acknowledges the feed up to it. */
export interface Heartbeat {
  readonly cursor: string | null;
  readonly load: Load;
  readonly draining: boolean;
  /** origin only: the streams that it holds with the newest epoch’s ordinal (-1: none yet), so that ordinals survive this origin */
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
  /** answers to viewers per second since the heartbeat before */
  readonly requestsPerSecond: number;
  /** those of them that failed by no fault of the viewer's */
  readonly errorsPerSecond: number;
}

/** The load of a node that has not told of any. */
export const IDLE_LOAD: Load = {
  cpu: 0,
  egressBytesPerSecond: 0,
  connections: 0,
  loopLagMs: 0,
  requestsPerSecond: 0,
  errorsPerSecond: 0,
};

/** What the feed tells of a node. `healthy` turns false when the heartbeat lapses for 3 s. */
export interface NodeRecord extends NodeDescription {
  /** grows with every registration: of two instances under one id the one with the higher generation is the node */
  readonly generation: number;
  readonly healthy: boolean;
  readonly draining: boolean;
  /** wall clock at which it passed its probe and began to take viewers; null until then */
  readonly servingSinceMs: number | null;
  readonly load: Load;
}
