/** A history as plain data: what the origin holds, and what happens step by step. Nothing random is left in it. */

/** What a request can be for: a zone's host and path. The name is the cache key as the origin sees it. */
export interface Place {
  readonly name: string;
  readonly zone: string;
  readonly policy: 'public' | 'token';
  /** null: the zone names no hosts, and none is sent on */
  readonly host: string | null;
  readonly path: string;
}

function place(zone: string, policy: 'public' | 'token', host: string | null, path: string): Place {
  return { name: `${host ?? '*'}${path}`, zone, policy, host, path };
}

/** The same paths below several hosts and zones, so that whatever leaves a part out of its key is found out. */
export const PLACES: readonly Place[] = [
  place('named', 'public', 'a.test', '/x'),
  place('named', 'public', 'b.test', '/x'),
  place('named', 'public', 'a.test', '/x?q=1'),
  place('named', 'public', 'a.test', '/dir/y'),
  place('any', 'public', null, '/any/x'),
  place('closed', 'token', 'c.test', '/x'),
  place('shut', 'token', 'd.test', '/x'),
];

export function placeAt(index: number): Place {
  const found = PLACES[index];
  if (found === undefined) throw new RangeError(`no place ${index}`);
  return found;
}

/** The folder of a place, host included: what is purged by prefix. */
export function folderOf(name: string): string {
  return name.slice(0, (name.split('?', 1)[0] ?? '').lastIndexOf('/') + 1);
}

/** How the origin answers for one place until the next update. */
export interface Representation {
  readonly status: number;
  readonly lengthBytes: number;
  readonly etag: 'strong' | 'weak' | 'none';
  /** how long before the history's start the first version was modified; null: no Last-Modified */
  readonly modifiedAgoS: number | null;
  readonly control: string | null;
  /** CDN-Cache-Control (RFC 9213) */
  readonly targeted: string | null;
  /** Expires, in seconds from the answer; `invalid` is the `0` that many servers send */
  readonly expiresInS: number | 'invalid' | null;
  /** an Age field, as from a cache before the origin */
  readonly ageS: number | null;
  readonly sendsDate: boolean;
  readonly vary: readonly string[];
  readonly setsCookie: boolean;
  readonly tags: readonly string[];
  readonly framing: 'length' | 'chunked' | 'close';
  readonly ranges: 'good' | 'none' | 'ignores-if-range';
  /** a 103 before the answer, hop-by-hop fields in it, trailers behind a body in chunks */
  readonly extras: boolean;
}

export type Fault =
  /** the connection ends after so large a share of the body, with a reset or in silence */
  | { readonly kind: 'die'; readonly at: number; readonly reset: boolean }
  /** the connection ends before the head */
  | { readonly kind: 'refuse' }
  | { readonly kind: 'status'; readonly status: number };

export interface RequestSpec {
  /** index into {@link PLACES} */
  readonly place: number;
  /** of several, the one that the viewer's connection is to */
  readonly worker: number;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  readonly range: Range | null;
  readonly condition: Condition | null;
  readonly directives: string | null;
  readonly language: string | null;
  readonly mode: string | null;
  readonly authorization: boolean;
  readonly token: 'good' | 'other-zone' | 'expired' | 'none';
  /** the reader goes once it has so many bytes of the body */
  readonly leavesAtByte: number | null;
  /** reads nothing until all others of the step are served */
  readonly isSlow: boolean;
}

type Range = 'first' | 'middle' | 'open' | 'suffix' | 'last-byte' | 'beyond' | 'two';
/** In terms of the origin's version at the moment of asking. */
type Condition = 'match' | 'match-old' | 'match-any' | 'since' | 'if-range' | 'if-range-old';

export type PurgeSpec = {
  readonly by: 'url' | 'prefix' | 'tag' | 'all';
  /** for `url` and `prefix`: of which place */
  readonly place: number;
  readonly tag: string;
  readonly soft: boolean;
};

/** What the origin is asked by: an edge alone, one with two parents, or one of two workers. */
export type Layout = 'alone' | 'parents' | 'workers';
/** What viewers speak; HTTP/2 over TLS. */
export type Protocol = 'http/1.1' | 'h2';
/** How many parents or workers there are. */
export const MEMBERS = 2;

/** What happens to a parent or a worker. A parent hears of purges when it does; workers neither hear nor hang on their own. */
export interface MemberStep {
  readonly kind: 'member';
  readonly member: number;
  readonly what: 'die' | 'hang' | 'return' | 'hear';
}

interface RestartStep {
  readonly kind: 'restart';
  readonly how: 'stop' | 'kill';
  readonly flipsBits: boolean;
}

/** What can happen while an answer of the origin is held back. */
export type MiddleStep =
  | MemberStep
  | RestartStep
  | { readonly kind: 'ask'; readonly requests: readonly RequestSpec[] }
  | { readonly kind: 'update'; readonly place: number; readonly representation: Representation }
  /** the same version from now on says this of its caching */
  | { readonly kind: 'reword'; readonly place: number; readonly control: string }
  | { readonly kind: 'purge'; readonly purge: PurgeSpec }
  | { readonly kind: 'fault'; readonly place: number; readonly fault: Fault }
  | { readonly kind: 'advance'; readonly ms: number };

export type Step =
  | MiddleStep
  /** the origin's next answer for the place stands still at a share of its body (-1: before its head) while `during` happens */
  | {
      readonly kind: 'hold';
      readonly place: number;
      readonly at: number;
      readonly requests: readonly RequestSpec[];
      readonly during: readonly MiddleStep[];
    };

export interface History {
  readonly seed: number;
  readonly layout: Layout;
  readonly protocol: Protocol;
  /** by place; every place that a step names is here */
  readonly start: Readonly<Record<number, Representation>>;
  readonly steps: readonly Step[];
}

/** A history for people. */
export function describeHistory({ seed, layout, protocol, start, steps }: History): string {
  const lines = [`history ${seed}, ${layout}, ${protocol}`];
  for (const [index, representation] of Object.entries(start)) {
    lines.push(`  at first ${PLACES[Number(index)]?.name} ${describeRepresentation(representation)}`);
  }
  steps.forEach((step, index) => {
    lines.push(`  ${index}. ${describeStep(step)}`);
    if (step.kind === 'hold') for (const middle of step.during) lines.push(`       meanwhile ${describeStep(middle)}`);
  });
  return lines.join('\n');
}

function describeStep(step: Step): string {
  switch (step.kind) {
    case 'ask':
      return `ask ${step.requests.map(describeRequest).join(' | ')}`;
    case 'hold':
      return `ask, held at ${step.at} of ${PLACES[step.place]?.name}: ${step.requests.map(describeRequest).join(' | ')}`;
    case 'update':
      return `update ${PLACES[step.place]?.name} ${describeRepresentation(step.representation)}`;
    case 'reword':
      return `reword ${PLACES[step.place]?.name} ${step.control}`;
    case 'fault':
      return `next answer for ${PLACES[step.place]?.name}: ${JSON.stringify(step.fault)}`;
    case 'purge': {
      const { by, place, tag, soft } = step.purge;
      const what = by === 'tag' ? tag : by === 'all' ? '' : (PLACES[place]?.name ?? '');
      return `purge ${by} ${what}${soft ? ' softly' : ''}`;
    }
    case 'advance':
      return `${step.ms} ms pass`;
    case 'member':
      return `member ${step.member}: ${step.what}`;
    case 'restart':
      return `${step.how === 'kill' ? 'kill and start' : 'restart'} the edge${step.flipsBits ? ', bits flipped on its disk' : ''}`;
  }
}

function describeRequest(request: RequestSpec): string {
  const { place, method, leavesAtByte, isSlow, token, worker, ...rest } = request;
  const more = Object.entries(rest).flatMap(([name, value]) =>
    value === null || value === false ? [] : [value === true ? name : `${name}=${value}`],
  );
  if (token !== 'good') more.push(`token ${token}`);
  if (leavesAtByte !== null) more.push(`leaves at ${leavesAtByte}`);
  if (isSlow) more.push('slow');
  if (worker > 0) more.push(`at worker ${worker}`);
  return [method, PLACES[place]?.name, ...more].join(' ');
}

function describeRepresentation(representation: Representation): string {
  const { status, lengthBytes, ...rest } = representation;
  const more = Object.entries(rest).flatMap(([name, value]) => {
    if (value === null || value === false || (Array.isArray(value) && value.length === 0)) return [];
    return [value === true ? name : `${name}=${String(value)}`];
  });
  return `${status} of ${lengthBytes} bytes, ${more.join(', ')}`;
}
