/** Histories from seeds: one seed, one history. */

import { Dice } from './dice.ts';
import { generateRepresentation, rewordedControl } from './generate-representation.ts';
import { RequestGenerator } from './generate-request.ts';
import {
  type Fault,
  type History,
  type Layout,
  MEMBERS,
  type MemberStep,
  type MiddleStep,
  PLACES,
  type PurgeSpec,
  type Representation,
  type RequestSpec,
  type Step,
} from './history.ts';

const MOST_STEPS = 14;
const LEAST_STEPS = 4;
const LARGE_BYTES = 6_000_000;
/** Of the histories of an edge alone. */
const H2_SHARE = 0.15;

/** What a history may contain, for systems that cannot do everything. */
export interface Repertoire {
  readonly purges: boolean;
  readonly restarts: boolean;
  readonly tokens: boolean;
  /** viewers speak HTTP/2, too */
  readonly h2: boolean;
  /** connections end by resets, too: node:http takes that for the end of a body that ends with its connection */
  readonly resets: boolean;
  /** which, and how often */
  readonly layouts: readonly [readonly [number, Layout], ...(readonly [number, Layout])[]];
}

/** Whatever an edge does alone it does with parents and among workers, too, so that most histories can be cheap. */
export const EVERYTHING: Repertoire = {
  purges: true,
  restarts: true,
  tokens: true,
  h2: true,
  resets: true,
  layouts: [
    [74, 'alone'],
    [16, 'parents'],
    [10, 'workers'],
  ],
};

/** The history of a seed. */
export function generateHistory(seed: number, repertoire: Repertoire = EVERYTHING): History {
  return new Generator(seed, repertoire).history();
}

class Generator {
  readonly #seed: number;
  readonly #dice: Dice;
  readonly #repertoire: Repertoire;
  readonly #layout: Layout;
  readonly #places: [number, ...number[]];
  readonly #start: Record<number, Representation> = {};
  /** as the generator last left it, for updates that change little */
  readonly #now: Record<number, Representation> = {};
  readonly #requests: RequestGenerator;
  /** parents that hang */
  readonly #hung = new Set<number>();

  constructor(seed: number, repertoire: Repertoire) {
    this.#seed = seed;
    this.#dice = new Dice(seed);
    this.#repertoire = repertoire;
    this.#layout = this.#dice.weighted(repertoire.layouts);
    this.#requests = new RequestGenerator(this.#dice, { layout: this.#layout, hasTokens: repertoire.tokens });
    const open = PLACES.flatMap(({ policy }, index) => (repertoire.tokens || policy === 'public' ? [index] : []));
    this.#places = [open[this.#dice.below(open.length)] ?? 0];
    // Few places, so that what happens to one is seen by the next.
    const more = this.#dice.weighted([
      [5, 0],
      [3, 1],
      [1, 2],
    ]);
    for (let count = 0; count < more; count += 1) this.#places.push(open[this.#dice.below(open.length)] ?? 0);
    for (const place of this.#places) {
      const representation = generateRepresentation(this.#dice);
      this.#start[place] = representation;
      this.#now[place] = representation;
    }
  }

  history(): History {
    const dice = this.#dice;
    const count = LEAST_STEPS + dice.below(MOST_STEPS - LEAST_STEPS + 1);
    const steps: Step[] = [{ kind: 'ask', requests: [this.#requests.plain(this.#place())] }];
    while (steps.length < count) steps.push(...this.#step());
    const isH2 = this.#layout === 'alone' && this.#repertoire.h2 && dice.chance(H2_SHARE);
    const protocol = isH2 ? 'h2' : 'http/1.1';
    return { seed: this.#seed, layout: this.#layout, protocol, start: this.#start, steps };
  }

  #place(): number {
    return this.#dice.pick(this.#places);
  }

  #step(): Step[] {
    const { purges, restarts } = this.#repertoire;
    const hasParents = this.#layout === 'parents';
    return this.#dice.weighted<() => Step[]>([
      [34, () => [this.#askOnce()]],
      [10, () => [this.#askTogether()]],
      [14, () => [this.#advance()]],
      [8, () => [this.#update()]],
      [8, () => [this.#fault(), this.#askOnce()]],
      [5, () => this.#agedAndFailing()],
      [12, () => this.#hold()],
      [purges ? 9 : 0, () => [{ kind: 'purge', purge: this.#purge() }, this.#askOnce()]],
      [3, () => [this.#unsafe(), this.#askOnce()]],
      [1.5, () => this.#changedMeanwhile()],
      [3, () => this.#reworded()],
      [purges ? 0.7 : 0, () => this.#headOvertaken()],
      [0.4, () => this.#slowCrowd()],
      [restarts ? 2 : 0, () => [this.#restart(), this.#askOnce()]],
      [restarts && purges ? 2 : 0, () => this.#purgeAndRestart()],
      [this.#layout === 'alone' ? 0 : 9, () => [this.#member(), this.#askOnce()]],
      [hasParents ? 2 : 0, () => this.#handOver()],
      [hasParents && purges ? 4 : 0, () => this.#lateNews()],
    ])();
  }

  /** What can happen at any moment: a parent that hangs in the middle of a body is only given up after many seconds. */
  #member(mayHang = true): MemberStep {
    const dice = this.#dice;
    const what =
      this.#layout === 'workers'
        ? dice.pick(['die', 'die', 'return'] as const)
        : dice.weighted<MemberStep['what']>([
            [4, 'die'],
            [4, 'return'],
            [mayHang ? 1 : 0, 'hang'],
            [3, 'hear'],
          ]);
    const member = dice.below(MEMBERS);
    if (what === 'hang') this.#hung.add(member);
    else if (what !== 'hear') this.#hung.delete(member);
    return { kind: 'member', member, what };
  }

  /** A parent goes and comes back, and has not seen what happened meanwhile. */
  #handOver(): Step[] {
    const [place, member] = [this.#place(), this.#dice.below(MEMBERS)];
    const ask: Step = { kind: 'ask', requests: [this.#requests.plain(place)] };
    const steps: Step[] = [
      ask,
      { kind: 'member', member, what: 'die' },
      this.#update(place),
      ...(this.#dice.chance(0.5) ? [this.#advance()] : []),
      ask,
      { kind: 'member', member, what: 'return' },
      { kind: 'member', member: 1 - member, what: 'die' },
      this.#advance(),
      ask,
    ];
    return [...steps, { kind: 'member', member: 1 - member, what: 'return' }];
  }

  /** Parents hear of a purge late, or one does and the other does not. */
  #lateNews(): Step[] {
    const place = this.#place();
    const request = this.#requests.plain(place);
    const ask: Step = { kind: 'ask', requests: [request] };
    const steps: Step[] = [ask, { kind: 'purge', purge: { ...this.#purge(), place } }, ask];
    for (let member = 0; member < MEMBERS; member += 1) {
      if (this.#dice.chance(0.6)) steps.push({ kind: 'member', member, what: 'hear' });
    }
    return [...steps, ask];
  }

  #restart(): MiddleStep {
    return { kind: 'restart', how: this.#dice.pick(['stop', 'kill']), flipsBits: this.#dice.chance(0.3) };
  }

  /** What was purged must not come back from the disk. */
  #purgeAndRestart(): Step[] {
    const place = this.#place();
    const request = this.#requests.plain(place);
    const steps: Step[] = [
      { kind: 'ask', requests: [request] },
      { kind: 'purge', purge: { ...this.#purge(), place } },
      this.#restart(),
      { kind: 'ask', requests: [request] },
    ];
    // Or it is there again, and kept.
    return this.#dice.chance(0.5) ? steps : steps.toSpliced(2, 0, { kind: 'ask', requests: [request] });
  }

  #advance(): MiddleStep {
    const ms = this.#dice.weighted([
      [3, 1_000],
      [3, 4_000],
      [4, 11_000],
      [4, 31_000],
      [4, 61_000],
      [2, 130_000],
      [1, 3_600_000],
      [1, 250],
    ]);
    return { kind: 'advance', ms };
  }

  #update(place = this.#place()): MiddleStep {
    const before = this.#now[place];
    const representation =
      before === undefined || this.#dice.chance(0.35)
        ? generateRepresentation(this.#dice)
        : // A length of its own, so that one version does not pass for the other.
          {
            ...before,
            lengthBytes: before.lengthBytes + this.#dice.pick([0, 0, 7, 512, -Math.floor(before.lengthBytes / 2)]),
          };
    this.#now[place] = representation;
    return { kind: 'update', place, representation };
  }

  #reword(place: number): MiddleStep {
    return { kind: 'reword', place, control: rewordedControl(this.#dice) };
  }

  /** The same version becomes private, or is to be asked for anew: who confirms it learns that, and all others by it. */
  #reworded(): Step[] {
    const dice = this.#dice;
    const place = this.#place();
    const request = this.#requests.plain(place);
    const ask: MiddleStep = { kind: 'ask', requests: [request] };
    const method = dice.pick(['GET', 'HEAD'] as const);
    const asker = dice.chance(0.5) ? request : { ...request, method, directives: 'no-cache' };
    const aged = dice.chance(0.6) ? [this.#advance()] : [];
    const later = dice.chance(0.3) ? [this.#fault(place)] : [];
    // Who comes while it is confirmed for somebody else came too late to have it confirmed by that.
    const joined: Step = { kind: 'hold', place, at: -1, requests: [request], during: [ask] };
    const last = dice.chance(0.5) ? joined : this.#crowd(request);
    return [ask, ...aged, this.#reword(place), { kind: 'ask', requests: [asker] }, ...later, ask, last];
  }

  /** A HEAD is asked before a purge, and answered after what was fetched behind it. */
  #headOvertaken(): Step[] {
    const place = this.#place();
    const request = this.#requests.plain(place);
    const ask: MiddleStep = { kind: 'ask', requests: [request] };
    const during: MiddleStep[] = [{ kind: 'purge', purge: { ...this.#purge(), by: 'url', place } }, ask];
    return [{ kind: 'hold', place, at: -1, requests: [{ ...request, method: 'HEAD' }], during }, ask];
  }

  #fault(place = this.#place()): MiddleStep {
    const dice = this.#dice;
    const fault: Fault = dice.weighted<Fault>([
      [6, { kind: 'die', at: dice.share(), reset: this.#isReset() }],
      [2, { kind: 'refuse' }],
      [3, { kind: 'status', status: dice.pick([500, 502, 503, 504]) }],
    ]);
    return { kind: 'fault', place, fault };
  }

  /** What is stored grows old, and then the origin fails: the hour of stale-if-error. */
  #agedAndFailing(): Step[] {
    const place = this.#place();
    const request = this.#requests.plain(place);
    const steps: Step[] = this.#dice.chance(0.5) ? [{ kind: 'ask', requests: [request] }] : [];
    return [...steps, this.#advance(), this.#fault(place), { kind: 'ask', requests: [request] }];
  }

  #isReset(): boolean {
    return this.#dice.chance(0.5) && this.#repertoire.resets;
  }

  #purge(): PurgeSpec {
    const dice = this.#dice;
    const by = dice.weighted<PurgeSpec['by']>([
      [4, 'url'],
      [2, 'prefix'],
      [4, 'tag'],
      [1, 'all'],
    ]);
    return { by, place: this.#place(), tag: dice.pick(['red', 'blue']), soft: dice.chance(0.4) };
  }

  #askOnce(): MiddleStep {
    return {
      kind: 'ask',
      requests: [this.#dice.chance(0.5) ? this.#requests.plain(this.#place()) : this.#requests.special(this.#place())],
    };
  }

  #askTogether(): MiddleStep {
    const dice = this.#dice;
    const place = this.#place();
    const count = 2 + dice.below(4);
    if (dice.chance(0.6)) return this.#crowd(this.#requests.plain(place), count);
    const requests = Array.from({ length: count }, () => {
      return dice.chance(0.6)
        ? this.#requests.plain(dice.chance(0.8) ? place : this.#place())
        : this.#requests.special(place);
    });
    return { kind: 'ask', requests };
  }

  #crowd(request: RequestSpec, length = 3): MiddleStep {
    return { kind: 'ask', requests: Array.from({ length }, () => ({ ...request, worker: this.#requests.worker() })) };
  }

  #hold(): Step[] {
    const dice = this.#dice;
    const place = this.#place();
    const first = this.#requests.plain(place);
    const requests = Array.from({ length: 1 + dice.below(3) }, () =>
      dice.chance(0.85) ? first : dice.chance(0.5) ? this.#requests.plain(place) : this.#requests.special(place),
    );
    const during: MiddleStep[] = [];
    const count = 1 + dice.below(3);
    for (let index = 0; index < count; index += 1) during.push(this.#middle(place, first));
    // Who asks after a purge must not be given what was asked for before it.
    if (during.at(-1)?.kind === 'purge') during.push({ kind: 'ask', requests: [first] });
    const at = dice.chance(0.35) ? -1 : dice.share();
    const hold: Step = { kind: 'hold', place, at, requests, during };
    // What such a fill left behind is seen by whoever asks the same afterwards.
    const after: Step[] = dice.chance(0.6) ? [{ kind: 'ask', requests: [first] }] : [];
    if (dice.chance(0.7)) return [hold, ...after];
    // The answer that is held dies a little later.
    const share = Math.min(1, Math.max(0, at) + dice.below(30) / 100);
    return [{ kind: 'fault', place, fault: { kind: 'die', at: share, reset: this.#isReset() } }, hold, ...after];
  }

  #middle(place: number, first: RequestSpec): MiddleStep {
    const dice = this.#dice;
    const joiner = (): MiddleStep => ({
      kind: 'ask',
      requests: Array.from({ length: 1 + dice.below(2) }, () =>
        dice.chance(0.7) ? first : this.#requests.special(place),
      ),
    });
    return dice.weighted<() => MiddleStep>([
      [5, joiner],
      [2, () => this.#update(place)],
      [1, () => this.#reword(place)],
      [this.#repertoire.purges ? 4 : 0, () => ({ kind: 'purge', purge: { ...this.#purge(), place } })],
      [1, () => this.#advance()],
      [1, () => this.#fault(place)],
      [this.#repertoire.restarts ? 0.4 : 0, () => this.#restart()],
      [this.#layout === 'alone' ? 0 : 5, () => this.#member(false)],
    ])();
  }

  /** An answer dies, and the next is of another version that looks the same: what has begun must not be gone on with. */
  #changedMeanwhile(): Step[] {
    const dice = this.#dice;
    const place = this.#place();
    const lengthBytes = 1_500 + dice.below(2_000);
    const ranges = dice.pick(['good', 'good', 'ignores-if-range', 'none'] as const);
    const alike = {
      status: 200,
      etag: 'strong',
      framing: 'length',
      control: 'max-age=600',
      vary: [],
      lengthBytes,
      ranges,
    } as const;
    const representation: Representation = { ...generateRepresentation(dice), ...alike };
    this.#now[place] = representation;
    const requests = [this.#requests.plain(place), this.#requests.plain(place)];
    return [
      { kind: 'update', place, representation },
      { kind: 'fault', place, fault: { kind: 'die', at: 0.7, reset: this.#isReset() } },
      { kind: 'hold', place, at: 0.4, requests, during: [{ kind: 'update', place, representation }] },
      { kind: 'ask', requests: [this.#requests.plain(place)] },
    ];
  }

  /** A body larger than what connections hold on their way, and one reader that does not read. */
  #slowCrowd(): Step[] {
    const place = this.#place();
    const representation = { ...generateRepresentation(this.#dice), status: 200, lengthBytes: LARGE_BYTES };
    this.#now[place] = representation;
    const quick = this.#requests.plain(place);
    const requests = [{ ...quick, isSlow: true }, quick, quick];
    return [
      { kind: 'update', place, representation },
      { kind: 'ask', requests },
    ];
  }

  #unsafe(): MiddleStep {
    const request = this.#requests.plain(this.#place());
    const method = this.#dice.pick(['POST', 'PUT', 'DELETE'] as const);
    // One that hangs may have done what it was asked, and nobody else is asked: that takes its deadline of many seconds.
    return { kind: 'ask', requests: [this.#hung.size > 0 ? request : { ...request, method }] };
  }
}
