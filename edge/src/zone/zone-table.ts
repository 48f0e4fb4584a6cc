/** Which pull zone a request is for, by the zones of the feed and of the edge's own file. */

import type { FeedState } from '@headwater/protocol/feed-state';
import { ANY_HOST, type ZoneEntry, isBelowPrefix } from '@headwater/protocol/zone';

/** Zones of one host, the longest prefix first. */
type Routes = readonly ZoneEntry[];

/** The host that a Host field names, as zones have it: without port and the root's dot, in lower case. Empty for none. */
export function hostOf(header: string | undefined): string {
  if (header === undefined) return '';
  const bracket = header.startsWith('[') ? header.indexOf(']') + 1 : 0;
  const colon = header.indexOf(':', bracket);
  const host = (colon < 0 ? header : header.slice(0, colon)).toLowerCase();
  return host.endsWith('.') ? host.slice(0, -1) : host;
}

/**
 * All zones by host. Of two zones of one name that of the file counts, and so it does of two with one host and prefix; of two
 * of the feed, which the control plane refuses as far as it sees, the one whose name sorts first.
 */
export class ZoneTable {
  readonly #feed: Pick<FeedState, 'zones' | 'zonesRevision'>;
  readonly #ofFile: readonly ZoneEntry[];
  #byHost: ReadonlyMap<string, Routes> = new Map();
  #builtAtRevision = -1;

  constructor(feed: Pick<FeedState, 'zones' | 'zonesRevision'>, ofFile: readonly ZoneEntry[] = []) {
    this.#feed = feed;
    this.#ofFile = ofFile;
  }

  /** Whether there is no zone at all. */
  get isEmpty(): boolean {
    return this.#current().size === 0;
  }

  /**
   * The zone of a request: of those that name its host the one with the longest prefix, else of those for any host. A prefix
   * ends at a segment's end: `/img` covers `/img` and `/img/a`, not `/images`; `/img/` covers `/img/a`, not `/img`.
   *
   * What follows a semicolon is a parameter to some servers, so a path is in a zone only if it is without it, too: else a viewer
   * could reach through one zone what its origin keeps for another.
   * @param host as a Host field has it
   * @param name of the path, see `readPath`: every spelling that an origin may take for the same path has the same one
   */
  match(host: string | undefined, name: string): ZoneEntry | null {
    const byHost = this.#current();
    if (byHost.size === 0) return null;
    const named = byHost.get(hostOf(host));
    const zone = this.#find(named, name);
    return name.includes(';') && this.#find(named, bareName(name)) !== zone ? null : zone;
  }

  /** A zone by its name. */
  named(name: string): ZoneEntry | null {
    return this.#ofFile.find((zone) => zone.name === name) ?? this.#feed.zones.get(name) ?? null;
  }

  /** Whether a zone names a host. */
  names(host: string): boolean {
    return host !== ANY_HOST && this.#current().has(hostOf(host));
  }

  #find(named: Routes | undefined, path: string): ZoneEntry | null {
    const covers = ({ pathPrefix }: ZoneEntry): boolean => isBelowPrefix(path, pathPrefix);
    return named?.find(covers) ?? this.#byHost.get(ANY_HOST)?.find(covers) ?? null;
  }

  #current(): ReadonlyMap<string, Routes> {
    const { zones, zonesRevision } = this.#feed;
    if (this.#builtAtRevision === zonesRevision) return this.#byHost;
    const byName = (a: ZoneEntry, b: ZoneEntry): number => (a.name < b.name ? -1 : 1);
    const names = new Set(this.#ofFile.map(({ name }) => name));
    const ofFeed = [...zones.values()].filter(({ name }) => !names.has(name)).sort(byName);
    // Sorting is stable: what comes first stays first among equals.
    const all = [...this.#ofFile, ...ofFeed].sort((a, b) => b.pathPrefix.length - a.pathPrefix.length);
    const byHost = new Map<string, ZoneEntry[]>();
    for (const zone of all) {
      for (const host of zone.hosts) byHost.set(host, [...(byHost.get(host) ?? []), zone]);
    }
    this.#byHost = byHost;
    this.#builtAtRevision = zonesRevision;
    return byHost;
  }
}

function bareName(name: string): string {
  return name.replace(/;[^/]*/g, '').replace(/\/{2,}/g, '/');
}
