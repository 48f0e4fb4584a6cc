/** What a node knows from the feed: the messages, folded. Pages go in; look-ups come out; nothing here waits or talks. */

import type { FeedMessage, FeedPage, Issuer, PathKey, PurgePoint, StreamEntry } from './feed.ts';
import type { NodeRecord } from './node.ts';
import { type PathKeyring, makeKeyring } from './path-token.ts';
import { ALL_STREAMS, type ConfigEntry, type Settings, runningVersion } from './settings.ts';
import { type TokenScope, streamScope, zoneScope } from './token-scope.ts';
import type { ZoneEntry } from './zone.ts';

/** A node remembers this many revocations; the control plane keeps no more. */
export const REVOCATION_LIMIT = 100_000;

const SESSION_KEY = 's:';

/** The folded feed of one node. */
export class FeedState {
  readonly #streams = new Map<string, StreamEntry>();
  readonly #issuers = new Map<string, Issuer>();
  readonly #nodes = new Map<string, NodeRecord>();
  /** `s:SESSION`, or the scope of a stream's or a zone's tokens → when it was revoked */
  readonly #revokedAtMs = new Map<string, number>();
  readonly #configs = new Map<string, ConfigEntry>();
  readonly #zones = new Map<string, ZoneEntry>();
  #zonesRevision = 0;
  #pathKeys: readonly PathKey[] = [];
  #keyring: PathKeyring = makeKeyring([]);
  #cursor: string | null = null;
  #lastPurge: PurgePoint | null = null;
  #securityRevision = 0;

  /** Streams by name. */
  get streams(): ReadonlyMap<string, StreamEntry> {
    return this.#streams;
  }

  /** Those who may mint session tokens, by `iss`. */
  get issuers(): ReadonlyMap<string, Issuer> {
    return this.#issuers;
  }

  /** The known fleet by node id, this node included. */
  get nodes(): ReadonlyMap<string, NodeRecord> {
    return this.#nodes;
  }

  /** Configurations by scope: a stream's name, or `*`. */
  get configs(): ReadonlyMap<string, ConfigEntry> {
    return this.#configs;
  }

  /** Pull zones by name. */
  get zones(): ReadonlyMap<string, ZoneEntry> {
    return this.#zones;
  }

  /** Grows whenever a zone changed: what was built from older ones is stale. */
  get zonesRevision(): number {
    return this.#zonesRevision;
  }

  /** What a node runs with: the settings for all streams, and over them those of the stream. */
  settingsOf(nodeId: string, stream?: string): Settings {
    const scopes = stream === undefined ? [ALL_STREAMS] : [ALL_STREAMS, stream];
    const entries = scopes.flatMap((scope) => this.#configs.get(scope) ?? []);
    return Object.assign({}, ...entries.map((entry) => runningVersion(nodeId, entry).settings)) as Settings;
  }

  /** Keys of the path token; `current` is null before the first page. */
  get keyring(): PathKeyring {
    return this.#keyring;
  }

  /** Where to continue the feed; null before the first page. */
  get cursor(): string | null {
    return this.#cursor;
  }

  /** The last purge that was ordered, as far as the feed has come. */
  get lastPurge(): PurgePoint | null {
    return this.#lastPurge;
  }

  /** Grows whenever keys, issuers, revocations, zones or a stream's policy changed: a cache of verdicts older than this is stale. */
  get securityRevision(): number {
    return this.#securityRevision;
  }

  /** Takes in a page. */
  apply(page: FeedPage): void {
    if (page.snapshot) this.#forget(page.messages);
    if (page.lastPurge !== undefined) this.#lastPurge = page.lastPurge;
    for (const message of page.messages) this.#take(message);
    this.#cursor = page.cursor;
  }

  /** All that is known as one snapshot page, or null before the first page: what a node keeps on disk. */
  snapshot(): FeedPage | null {
    if (this.#cursor === null) return null;
    const messages: FeedMessage[] = [{ type: 'path-keys', keys: this.#pathKeys }];
    for (const issuer of this.#issuers.values()) messages.push({ type: 'issuer', issuer });
    for (const stream of this.#streams.values()) messages.push({ type: 'stream', stream });
    for (const zone of this.#zones.values()) messages.push({ type: 'zone', zone });
    for (const node of this.#nodes.values()) messages.push({ type: 'node', node });
    for (const config of this.#configs.values()) messages.push({ type: 'config', config });
    for (const [key, atMs] of this.#revokedAtMs) {
      const name = key.slice(key.startsWith(SESSION_KEY) ? SESSION_KEY.length : streamScope('').length);
      const kind = key.startsWith(SESSION_KEY) ? 'session' : key === streamScope(name) ? 'stream' : 'zone';
      messages.push({ type: 'revocation', [kind]: name, atMs });
    }
    const told = this.#lastPurge === null ? {} : { lastPurge: this.#lastPurge };
    return { cursor: this.#cursor, snapshot: true, messages, ...told };
  }

  /**
   * Whether a session is refused: it was revoked itself, or its stream or zone was when the token had already been issued.
   * @param issuedAtMs when the token was issued (session token: `iat`; path token: `notBeforeS × 1000`); unknown counts as
   *   issued before any revocation
   */
  isRevoked(session: string, scope: TokenScope, issuedAtMs = 0): boolean {
    if (this.#revokedAtMs.has(SESSION_KEY + session)) return true;
    const scopeAtMs = this.#revokedAtMs.get(scope);
    return scopeAtMs !== undefined && issuedAtMs <= scopeAtMs;
  }

  #take(message: FeedMessage): void {
    switch (message.type) {
      case 'stream':
        if (this.#streams.get(message.stream.name)?.policy !== message.stream.policy) this.#securityRevision += 1;
        this.#streams.set(message.stream.name, message.stream);
        return;
      case 'stream-removed':
        this.#streams.delete(message.name);
        this.#securityRevision += 1;
        return;
      case 'path-keys':
        this.#pathKeys = message.keys;
        this.#keyring = makeKeyring(message.keys);
        this.#securityRevision += 1;
        return;
      case 'issuer':
        this.#issuers.set(message.issuer.iss, message.issuer);
        this.#securityRevision += 1;
        return;
      case 'issuer-removed':
        this.#issuers.delete(message.iss);
        this.#securityRevision += 1;
        return;
      case 'revocation':
        this.#revoke(message);
        return;
      case 'node':
        this.#nodes.set(message.node.id, message.node);
        return;
      case 'node-removed':
        this.#nodes.delete(message.id);
        return;
      case 'zone':
        this.#zones.set(message.zone.name, message.zone);
        this.#noteZones();
        return;
      case 'zone-removed':
        this.#zones.delete(message.name);
        this.#noteZones();
        return;
      case 'config':
        this.#configs.set(message.config.scope, message.config);
        return;
      case 'config-removed':
        this.#configs.delete(message.scope);
        return;
      case 'purge':
        // An order, which the edge that follows the feed carries out; what there is to know is how far it has come.
        this.#lastPurge = { id: message.purge.id, atMs: message.purge.atMs };
        return;
      case 'node-changed':
        return;
    }
  }

  #revoke(message: Extract<FeedMessage, { type: 'revocation' }>): void {
    const { session, stream, zone = '' } = message;
    const scope = stream === undefined ? zoneScope(zone) : streamScope(stream);
    const key = session === undefined ? scope : SESSION_KEY + session;
    // Set anew, so that the map's order stays the order of time and the oldest goes first.
    this.#revokedAtMs.delete(key);
    this.#revokedAtMs.set(key, message.atMs);
    this.#securityRevision += 1;
    const oldest = this.#revokedAtMs.keys().next().value;
    if (this.#revokedAtMs.size > REVOCATION_LIMIT && oldest !== undefined) this.#revokedAtMs.delete(oldest);
  }

  /** A zone's name may be made again, under another policy: what was granted before is not for it. */
  #noteZones(): void {
    this.#zonesRevision += 1;
    this.#securityRevision += 1;
  }

  /**
   * Before a snapshot: forgets what it will not name. Nodes of a role of which it names no healthy one stay known: it is then
   * the snapshot of a control plane that is still gathering its fleet, and an old address is better than none.
   */
  #forget(messages: readonly FeedMessage[]): void {
    const present = new Set(messages.flatMap((m) => (m.type === 'node' && m.node.healthy ? [m.node.role] : [])));
    for (const [id, node] of this.#nodes) if (present.has(node.role)) this.#nodes.delete(id);
    this.#streams.clear();
    this.#issuers.clear();
    this.#revokedAtMs.clear();
    this.#configs.clear();
    this.#zones.clear();
    this.#zonesRevision += 1;
    this.#securityRevision += 1;
  }
}
