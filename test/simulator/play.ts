/** Plays a history to a system under test: real requests over loopback, one virtual clock, and a log of both ends. */

import { setTimeout as delay } from 'node:timers/promises';
import { ManualClock } from '@headwater/service/clock';
import type { Asked, Exchange, Happening, Ordered, Transcript } from './exchange.ts';
import { Sequence } from './exchange.ts';
import {
  type History,
  type Layout,
  type MemberStep,
  type MiddleStep,
  PLACES,
  type Place,
  type Protocol,
  type PurgeSpec,
  type RequestSpec,
  type Step,
  folderOf,
  placeAt,
} from './history.ts';
import { dateOf, etagOf, modifiedMsOf, variantOf } from './origin-answer.ts';
import { Origin } from './origin.ts';
import type { StartSystem, SystemUnderTest } from './system-under-test.ts';
import { H2Line } from './viewer-h2.ts';
import { Http1Line, type Line, type Outgoing, type Viewer, rangeField } from './viewer-request.ts';

/** Sunday, 2 January 2028, and half a second: dates are cut to seconds. */
const START_MS = Date.UTC(2028, 0, 2) + 500;
/** Real time. Nothing here waits for a clock, so whatever takes so long will never come. */
const HANG_MS = 30_000;
/** Turns of the event loop in which nothing arrived anywhere, after which nothing is on its way. */
const QUIET_TURNS = 8;

/** Plays it and hands back what was seen. */
export async function play(history: History, start: StartSystem): Promise<Transcript> {
  const clock = new ManualClock(START_MS);
  const sequence = new Sequence();
  await using origin = new Origin(clock, sequence);
  await origin.listen();
  for (const [index, representation] of Object.entries(history.start)) {
    origin.update(placeAt(Number(index)).name, representation);
  }
  const { layout, protocol } = history;
  await using system = await start({ clock, originUrl: origin.url, layout, protocol });
  const player = new Player({ clock, sequence, origin, system, layout, protocol });
  for (const [index, step] of history.steps.entries()) await player.step(index, step);
  await player.finish();
  return player.transcript();
}

interface Parts {
  readonly clock: ManualClock;
  readonly sequence: Sequence;
  readonly origin: Origin;
  readonly system: SystemUnderTest;
  readonly layout: Layout;
  readonly protocol: Protocol;
}

class Player {
  readonly #clock: ManualClock;
  readonly #sequence: Sequence;
  readonly #origin: Origin;
  readonly #system: SystemUnderTest;
  readonly #asked: Asked[] = [];
  readonly #purges: Ordered[] = [];
  readonly #restarts: { order: number; upOrder: number }[] = [];
  readonly #members: Happening[] = [];
  readonly #layout: Layout;
  readonly #protocol: Protocol;
  readonly #lines: [Line, ...Line[]];
  #activity = 0;
  #step = 0;

  constructor({ clock, sequence, origin, system, layout, protocol }: Parts) {
    this.#protocol = protocol;
    this.#lines = [createLine(protocol)];
    this.#layout = layout;
    this.#clock = clock;
    this.#sequence = sequence;
    this.#origin = origin;
    this.#system = system;
  }

  transcript(): Transcript {
    return {
      layout: this.#layout,
      exchanges: this.#origin.exchanges,
      asked: this.#asked,
      purges: this.#purges,
      restarts: this.#restarts,
      members: this.#members,
    };
  }

  async finish(): Promise<void> {
    await this.#quiet();
    for (const line of this.#lines) line.destroy();
  }

  async step(index: number, step: Step): Promise<void> {
    this.#step = index;
    switch (step.kind) {
      case 'hold':
        await this.#hold(step);
        break;
      default:
        await this.#settle(await this.#middle(step));
    }
    await this.#quiet();
  }

  /** What can also happen while an answer is held; requests are only started. */
  async #middle(step: MiddleStep): Promise<Viewer[]> {
    switch (step.kind) {
      case 'ask':
        return step.requests.map((request) => this.#ask(request));
      case 'update':
        this.#origin.update(placeAt(step.place).name, step.representation);
        return [];
      case 'reword':
        this.#origin.reword(placeAt(step.place).name, step.control);
        return [];
      case 'fault':
        this.#origin.fail(placeAt(step.place).name, step.fault);
        return [];
      case 'advance':
        this.#clock.advance(step.ms);
        return [];
      case 'purge':
        await this.#purge(step.purge);
        return [];
      case 'restart':
        await this.#restart(step);
        return [];
      case 'member':
        await this.#happen(step);
        return [];
    }
  }

  async #hold(step: Extract<Step, { kind: 'hold' }>): Promise<void> {
    const hold = this.#origin.hold(placeAt(step.place).name, step.at);
    const viewers = step.requests.map((request) => this.#ask(request));
    // It is never reached where all is answered from the cache, and then the rest happens after it.
    const quick = viewers.filter(({ asked }) => !asked.request.isSlow);
    if (quick.length > 0) await within(HANG_MS, quick, hold.reached);
    await this.#quiet();
    for (const middle of step.during) {
      viewers.push(...(await this.#middle(middle)));
      await this.#quiet();
    }
    hold.release();
    await this.#settle(viewers);
  }

  async #restart({ how, flipsBits }: Extract<MiddleStep, { kind: 'restart' }>): Promise<void> {
    const order = this.#sequence.next();
    // Requests may be under way on connections of the former one.
    this.#lines.unshift(createLine(this.#protocol));
    await this.#system.restart({ kill: how === 'kill', flipsBits });
    this.#restarts.push({ order, upOrder: this.#sequence.next() });
  }

  async #happen(step: MemberStep): Promise<void> {
    const order = this.#sequence.next();
    await this.#system.happen(step);
    this.#members.push({ ...step, order, upOrder: this.#sequence.next() });
  }

  async #purge(purge: PurgeSpec): Promise<void> {
    const fromOrder = this.#sequence.next();
    await this.#system.purge(purge);
    const matches = matcherOf(purge);
    this.#purges.push({
      fromOrder,
      order: this.#sequence.next(),
      atMs: this.#clock.nowMs(),
      soft: purge.soft,
      matches,
    });
  }

  /** Slow readers read once the others are served. */
  async #settle(viewers: readonly Viewer[]): Promise<void> {
    const quick = viewers.filter(({ asked }) => !asked.request.isSlow);
    await within(HANG_MS, quick);
    const slow = viewers.filter(({ asked }) => asked.request.isSlow);
    if (slow.length === 0) return;
    await this.#quiet();
    for (const viewer of slow) viewer.resume();
    await within(HANG_MS, slow);
  }

  #ask(request: RequestSpec): Viewer {
    const place = placeAt(request.place);
    const outgoing = this.#outgoing(request, place);
    const asked: Asked = {
      step: this.#step,
      request,
      place: place.name,
      fields: new Map(Object.entries(outgoing.fields)),
      startOrder: this.#sequence.next(),
      startMs: this.#clock.nowMs(),
      endOrder: Infinity,
      endMs: Infinity,
      status: 0,
      answer: new Map(),
      trailers: new Map(),
      body: Buffer.alloc(0),
      isComplete: false,
      hasLeft: false,
      information: [],
      hasHung: false,
    };
    this.#asked.push(asked);
    return this.#lines[0].send({
      port: this.#system.port(request.worker),
      outgoing,
      asked,
      onActivity: () => (this.#activity += 1),
      onOver: (over) => {
        over.endOrder = this.#sequence.next();
        over.endMs = this.#clock.nowMs();
      },
    });
  }

  #outgoing(request: RequestSpec, place: Place): Outgoing {
    const fields: Record<string, string> = { host: place.host ?? 'other.test' };
    if (request.directives !== null) fields['cache-control'] = request.directives;
    if (request.language !== null) fields['accept-language'] = request.language;
    if (request.mode !== null) fields['x-mode'] = request.mode;
    if (request.authorization) fields['authorization'] = 'Basic dTpw';
    const isUnsafe = request.method !== 'GET' && request.method !== 'HEAD';
    if (!isUnsafe) this.#addConditions(fields, request, place);
    const body = isUnsafe ? `status=${request.method === 'DELETE' ? 204 : 200}` : null;
    if (body !== null) fields['content-length'] = String(body.length);
    return { path: this.#path(request, place), fields, body };
  }

  /** In terms of what the origin holds just now. */
  #addConditions(fields: Record<string, string>, request: RequestSpec, place: Place): void {
    const resource = this.#origin.resources.get(place.name);
    if (resource === undefined) return;
    const variant = variantOf(resource.representation, new Map(Object.entries(fields)));
    if (request.range !== null) fields['range'] = rangeField(request.range, resource.representation.lengthBytes);
    const etag = etagOf(resource, variant);
    const old = etagOf({ ...resource, version: resource.version - 1 }, variant);
    const modifiedMs = modifiedMsOf(resource, START_MS);
    const date = modifiedMs === null ? null : dateOf(modifiedMs);
    const validator = etag?.startsWith('"') === true ? etag : date;
    const conditions: Record<NonNullable<RequestSpec['condition']>, readonly [string, string | null]> = {
      match: ['if-none-match', etag],
      'match-old': ['if-none-match', old],
      'match-any': ['if-none-match', etag === null ? null : `"other", ${etag}`],
      since: ['if-modified-since', date],
      'if-range': ['if-range', request.range === null ? null : validator],
      'if-range-old': ['if-range', request.range === null ? null : `"v${resource.version - 1}-${variant}"`],
    };
    if (request.condition === null) return;
    const [name, value] = conditions[request.condition];
    if (value !== null) fields[name] = value;
  }

  #path({ token }: RequestSpec, place: Place): string {
    if (place.policy === 'public' || token === 'none') return place.path;
    const zone = token === 'other-zone' ? otherZone(place) : place.zone;
    return `/t/${this.#system.token(zone, token === 'expired')}${place.path}`;
  }

  /** Resolves once nothing is on its way between viewers, edge and origin, as far as the event loop can tell. */
  async #quiet(): Promise<void> {
    await this.#quietTurns();
    const { restMs } = this.#system;
    if (restMs === 0) return;
    await delay(restMs);
    await this.#quietTurns();
  }

  async #quietTurns(): Promise<void> {
    let turns = 0;
    let before = this.#moved();
    while (turns < QUIET_TURNS) {
      await new Promise((resolve) => setImmediate(resolve));
      const now = this.#moved();
      turns = now === before ? turns + 1 : 0;
      before = now;
    }
  }

  #moved(): number {
    return this.#activity + this.#origin.activity + this.#system.activity;
  }
}

function createLine(protocol: Protocol): Line {
  return protocol === 'h2' ? new H2Line() : new Http1Line();
}

function otherZone(place: Place): string {
  return PLACES.find(({ policy, zone }) => policy === 'token' && zone !== place.zone)?.zone ?? place.zone;
}

/** Resolves when all are done, or when something else has happened. Gives up on those that are not done by then. */
async function within(ms: number, viewers: readonly Viewer[], other: Promise<void> | null = null): Promise<void> {
  const waiting = viewers.filter(({ asked }) => asked.endOrder === Infinity);
  const timer = setTimeout(() => waiting.forEach((viewer) => viewer.abandon()), ms);
  const done = Promise.all(viewers.map((viewer) => viewer.done));
  await (other === null ? done : Promise.race([done, other]));
  clearTimeout(timer);
}

/** Which exchanges' objects a purge is of. */
function matcherOf({ by, place, tag }: PurgeSpec): (exchange: Exchange) => boolean {
  const { name } = placeAt(place);
  switch (by) {
    case 'url':
      return (exchange) => exchange.place === name;
    case 'prefix': {
      const folder = folderOf(name);
      return (exchange) => exchange.place.startsWith(folder);
    }
    case 'tag':
      return (exchange) => exchange.representation?.tags.includes(tag) === true;
    case 'all':
      return () => true;
  }
}
