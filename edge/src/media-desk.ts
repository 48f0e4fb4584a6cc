/** How each media object comes to be: out of the cache, or by the one fill of its name with the recipe of its kind. */

import type { CmafPath } from '@headwater/protocol/cmaf-path';
import type { Clock } from '@headwater/service/clock';
import type { Cache } from './cache.ts';
import type { Fill, FillResult, Fills, Recipe } from './fill.ts';
import type { OriginClient } from './origin-client.ts';
import type { Patience } from './patience.ts';
import { type CmafInput, assembleTs } from './repackage/ts.ts';
import { type PartFacts, type Stored, mediaTypeOf, storeMedia } from './stored.ts';
import type { StreamView } from './stream-view.ts';
import { type MediaResource, formatKey } from './target.ts';
import { type PartName, findSegment, prospectOf, whereabouts } from './timeline-reading.ts';

interface MediaDeskOptions {
  readonly cache: Cache;
  readonly fills: Fills;
  readonly client: Pick<OriginClient, 'object'>;
  readonly clock: Clock;
  /** how long a recipe waits for each of its inputs */
  readonly inputDeadlineMs: number;
}

/** A segment has a handful of parts; more is a fault of the origin. */
const PARTS_LIMIT = 256;

type Failure = Extract<FillResult, { ok: false }>;

const NOTHING = new Uint8Array(0);
const TOO_MANY = { ok: false, reason: 'overloaded' } as const satisfies FillResult;

export class MediaDesk {
  readonly #options: MediaDeskOptions;

  constructor(options: MediaDeskOptions) {
    this.#options = options;
  }

  /** A whole object, if it is here. */
  stored(key: string): Stored | undefined {
    return this.#options.cache.get(key);
  }

  /** Whether a whole object is here; nobody has asked for it by that. */
  has(key: string): boolean {
    return this.#options.cache.has(key);
  }

  /** Joins or starts the fill of an object; null when there are too many fills. */
  open(view: StreamView, resource: MediaResource): { readonly fill: Fill; readonly joined: boolean } | null {
    const key = formatKey(view.stream, resource);
    return this.#options.fills.joinOrStart(key, this.#recipeOf(view, resource, key));
  }

  /** The whole object, from the cache or by its fill. */
  async whole(
    view: StreamView,
    resource: MediaResource,
    patience: Patience = { withinMs: this.#options.inputDeadlineMs },
  ): Promise<FillResult> {
    const stored = this.stored(formatKey(view.stream, resource));
    if (stored !== undefined) return { ok: true, stored };
    const opened = this.open(view, resource);
    return opened === null ? TOO_MANY : opened.fill.whole(patience);
  }

  /** What a segment of MPEG-TS is put together from, as far as it takes time to come. */
  inputsOf(view: StreamView, name: Omit<PartName, 'part'>): MediaResource[] {
    const sound = soundOf(view, name);
    const isDue = sound !== null && view.timeline !== undefined && prospectOf(view.timeline, sound) === 'due';
    return (isDue ? [name, sound] : [name]).map((input) => ({ kind: 'segment', ...pick(input) }));
  }

  #store(key: string, resource: MediaResource, body: Buffer, part: PartFacts | null = null): Stored {
    return storeMedia(key, body, { mediaType: mediaTypeOf(resource), part, madeMs: this.#options.clock.monotonicMs() });
  }

  #recipeOf(view: StreamView, resource: MediaResource, key: string): Recipe {
    switch (resource.kind) {
      case 'init':
        return (fill) => this.#object({ ...resource, stream: view.stream }, fill, { key });
      case 'part':
        return (fill) => this.#part(view, resource, fill);
      case 'segment':
        return (fill) => this.#segment(view, resource, fill);
      case 'ts':
        return () => this.#ts(view, resource, key);
    }
  }

  async #object(
    path: Exclude<CmafPath, { kind: 'timeline' }>,
    fill: Fill,
    { key, isAhead = false }: { readonly key: string; readonly isAhead?: boolean },
  ): Promise<FillResult> {
    const answer = await this.#options.client.object(path, fill, isAhead);
    if (answer.kind === 'failed') return { ok: false, reason: answer.reason };
    return { ok: true, stored: this.#store(key, path, fill.body(), answer.part) };
  }

  /** A part tells of itself, so that whoever waits for it need not wait for the timeline. */
  async #part(view: StreamView, name: PartName, fill: Fill): Promise<FillResult> {
    const path = { kind: 'part', stream: view.stream, ...pick(name), part: name.part } as const;
    const isAhead = view.timeline === undefined || whereabouts(view.timeline, path) !== 'there';
    const result = await this.#object(path, fill, { key: formatKey(view.stream, path), isAhead });
    if (result.ok && result.stored.part !== null) view.learn(name, result.stored.part, result.stored.body.length);
    return result;
  }

  /**
   * A growing segment is put together from its parts, each fetched once for all who want it and resumed on its own; a whole
   * one comes in one piece, unless all its parts are here already.
   */
  async #segment(view: StreamView, name: Omit<PartName, 'part'>, fill: Fill): Promise<FillResult> {
    const path = { kind: 'segment', stream: view.stream, ...pick(name) } as const;
    const key = formatKey(view.stream, path);
    if (!this.#comesWhole(view, name)) {
      const outcome = await this.#gather(view, name, fill);
      if (outcome === null) return { ok: true, stored: this.#store(key, path, fill.body()) };
      // The origin keeps no such part: the segment ended short, or is too old for parts. It has the rest under one name.
      if (outcome.ok || outcome.reason !== 'absent') return outcome;
    }
    return this.#object(path, fill, { key });
  }

  /** Appends part after part; null when the last one is in. */
  async #gather(view: StreamView, name: Omit<PartName, 'part'>, fill: Fill): Promise<FillResult | null> {
    for (let part = 0; part < PARTS_LIMIT && !fill.signal.aborted; part += 1) {
      const result = await this.whole(view, { kind: 'part', ...pick(name), part });
      if (!result.ok) return result;
      if (!fill.append(result.stored.body)) return { ok: false, reason: 'too-large' };
      if (result.stored.part?.last === true) return null;
    }
    return { ok: false, reason: 'too-large' };
  }

  #comesWhole(view: StreamView, name: Omit<PartName, 'part'>): boolean {
    if (view.timeline === undefined) return true;
    if (whereabouts(view.timeline, { kind: 'segment', ...pick(name) }) !== 'there') return false;
    const parts = findSegment(view.timeline, name.track, name.number)?.parts ?? [];
    if (parts.length === 0) return true;
    return !parts.every((_, part) =>
      this.#options.cache.has(formatKey(view.stream, { kind: 'part', ...pick(name), part })),
    );
  }

  /**
   * MPEG-TS of a video segment with the stream's audio, or of an audio segment alone. Sound that may still come is never left
   * out: whichever edge makes the segment, and when, it has the same bytes.
   */
  async #ts(view: StreamView, name: Omit<PartName, 'part'>, key: string): Promise<FillResult> {
    const { timeline } = view;
    const sound = soundOf(view, name);
    const inputs: Promise<CmafInput | Failure | undefined>[] = [this.#tsInput(view, name)];
    if (timeline !== undefined && sound !== null) {
      const prospect = prospectOf(timeline, sound);
      if (prospect === 'distant') return { ok: false, reason: 'too-early' };
      inputs.push(prospect === 'due' ? this.#tsInput(view, sound) : this.#silence(view, sound));
    }
    const [own, other] = await Promise.all(inputs);
    if (own === undefined || 'reason' in own) return own ?? { ok: false, reason: 'absent' };
    if (other !== undefined && 'reason' in other) return other;
    return { ok: true, stored: this.#store(key, { kind: 'ts', ...pick(name) }, assembleTs(own, other)) };
  }

  async #tsInput(view: StreamView, name: Omit<PartName, 'part'>): Promise<CmafInput | Failure> {
    const { track, epoch, number } = name;
    const [init, segment] = await Promise.all([
      this.whole(view, { kind: 'init', track, epoch }),
      this.whole(view, { kind: 'segment', track, epoch, number }),
    ]);
    if (!init.ok) return init;
    return segment.ok ? { init: init.stored.body, segment: segment.stored.body } : segment;
  }

  /**
   * Sound that there is none of. The program map still names it, as in the segments around: a receiver reads another map only
   * under another version (ISO/IEC 13818-1 §2.4.4.9), and an edge that knows one segment alone has none to count. Undefined
   * where the whole epoch has no such track.
   */
  async #silence(view: StreamView, { track, epoch }: Omit<PartName, 'part'>): Promise<CmafInput | Failure | undefined> {
    const init = await this.whole(view, { kind: 'init', track, epoch });
    if (init.ok) return { init: init.stored.body, segment: NOTHING };
    return init.reason === 'absent' ? undefined : init;
  }
}

/** The segment of sound that goes with one of video; null where there is none to go with it. */
function soundOf({ timeline }: StreamView, name: Omit<PartName, 'part'>): Omit<PartName, 'part'> | null {
  const audio = timeline?.tracks.find((track) => track.kind === 'audio')?.id;
  return audio === undefined || audio === name.track ? null : { ...pick(name), track: audio };
}

function pick({ track, epoch, number }: Omit<PartName, 'part'>): Omit<PartName, 'part'> {
  return { track, epoch, number };
}
