/**
 * An origin for the edge's tests: real HTTP, real media, and time that moves only when the test says so. It can be told to be
 * sick in the ways that origins are.
 */

import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type CmafPath, parseCmafPath } from '@headwater/protocol/cmaf-path';
import { PART_DURATION, PART_INDEPENDENT, PART_LAST, SEGMENT_START } from '@headwater/protocol/headers';
import type { Epoch, Segment, Timeline, TimelineChange } from '@headwater/protocol/timeline';
import { FIRST_NUMBER, type MediaPart, type MediaTrack, PARTS, SEGMENT_MS } from './fake-media.ts';

/** Parts are listed for so many of the newest segments. */
const PARTS_LISTED = 4;

/** What goes wrong with the next answer for a path. */
export type Fault =
  | 'die-mid-body'
  | 'error'
  | 'hang'
  /** half of it, with nothing that says so but the end of the connection */
  | 'unframed'
  /** more bytes than there are */
  | 'longer';

/** A request for the future waits here until the time is moved, or the origin lets everybody go. */
export class FakeOrigin implements AsyncDisposable {
  /** requests by path, timelines left out */
  readonly fetched = new Map<string, number>();
  /** timelines wait, whatever happens */
  holdsTimelines = false;
  /** answered in place of the timeline */
  strangeTimeline: string | null = null;
  readonly #media: readonly MediaTrack[];
  readonly #windowSegments: number;
  readonly #server: Server;
  readonly #faults: { path: RegExp; fault: Fault; times: number }[] = [];
  readonly #waiting = new Set<() => void>();
  #epochs: Epoch[] = [];
  /** parts published on every track that does not lag */
  #cells = 0;
  /** by how many parts a track lags */
  readonly #lags = new Map<string, number>();
  /** segment indexes without media */
  readonly #gaps = new Set<number>();
  #ended = false;
  #isOffline = false;
  #revision = 1_000_000;
  /** how many cells there were at each revision */
  readonly #cellsAt = new Map<number, number>();

  private constructor(media: readonly MediaTrack[], windowSegments: number) {
    this.#media = media;
    this.#windowSegments = windowSegments;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(media: readonly MediaTrack[], windowSegments = 4): Promise<FakeOrigin> {
    const origin = new FakeOrigin(media, windowSegments);
    origin.openEpoch('epoch0000');
    origin.#server.listen(0, '127.0.0.1');
    await once(origin.#server, 'listening');
    return origin;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How many requests for the future wait here. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Segments from here on belong to a new epoch. At a segment's start only. */
  openEpoch(id: string): void {
    this.#epochs.push({
      id,
      ordinal: this.#epochs.length,
      firstSegment: FIRST_NUMBER + Math.floor(this.#cells / PARTS),
    });
    this.#changed();
  }

  /** Publishes the next parts on every track. */
  advance(parts = 1): void {
    this.#cells += parts;
    this.#changed();
  }

  /** From now on a track is so many parts behind. */
  lag(track: string, parts: number): void {
    this.#lags.set(track, parts);
    this.#changed();
  }

  /** Lets a whole segment pass without media. */
  skipSegment(): void {
    this.#gaps.add(Math.floor(this.#cells / PARTS));
    this.advance(PARTS);
  }

  end(): void {
    this.#ended = true;
    this.#changed();
  }

  goOffline(isOffline = true): void {
    this.#isOffline = isOffline;
    this.#changed();
  }

  fail(path: RegExp, fault: Fault, times = 1): void {
    this.#faults.push({ path, fault, times });
  }

  /** The bytes that a viewer must get, from the media itself. */
  bytesOf(track: string, number: number, part?: number): Buffer {
    const parts = this.#parts(track, number);
    return part === undefined ? Buffer.concat(parts.map(({ data }) => data)) : (parts[part] as MediaPart).data;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    this.#changed();
    await once(this.#server, 'close');
  }

  #changed(): void {
    this.#revision += 1;
    this.#cellsAt.set(this.#revision, this.#cells);
    for (const release of this.#waiting) release();
    this.#waiting.clear();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [pathname = '', query = ''] = (request.url ?? '').split('?');
    const path = parseCmafPath(pathname);
    if (path === null) return void response.writeHead(404).end();
    if (path.kind === 'timeline') return this.#answerTimeline(query, response);
    this.fetched.set(pathname, (this.fetched.get(pathname) ?? 0) + 1);
    const fault = this.#faultFor(pathname);
    if (fault === 'hang') return;
    if (fault === 'error') return void response.writeHead(500).end();
    await this.#answerObject(path, response, { fault, range: request.headers.range });
  }

  async #answerTimeline(query: string, response: ServerResponse): Promise<void> {
    const since = query.startsWith('since=') ? Number(query.slice('since='.length)) : null;
    if (since === this.#revision) await this.#change(response);
    while (this.holdsTimelines && !response.destroyed) await this.#change(response);
    if (this.#isOffline) return this.#problem(response, 'stream_offline');
    const isLagging = this.#lags.size > 0;
    const known = since === null || isLagging ? undefined : this.#cellsAt.get(since);
    const changedFrom = known === undefined ? 0 : Math.floor(known / PARTS) - PARTS_LISTED;
    const change: TimelineChange = { full: known === undefined, timeline: this.#timeline(changedFrom) };
    const body = this.strangeTimeline ?? JSON.stringify(change);
    response.writeHead(200, { 'content-type': 'application/json' }).end(body);
  }

  async #answerObject(
    path: Exclude<CmafPath, { kind: 'timeline' }>,
    response: ServerResponse,
    { fault, range }: { fault: Fault | null; range: string | undefined },
  ): Promise<void> {
    if (path.kind === 'init') return this.#send(response, this.#track(path.track)?.init, { fault, range });
    const cell = (path.number - FIRST_NUMBER) * PARTS + (path.kind === 'part' ? path.part : PARTS - 1);
    const epoch = this.#epochs.findLast(({ firstSegment }) => firstSegment <= path.number);
    if (epoch?.id !== path.epoch || this.#gaps.has(path.number - FIRST_NUMBER))
      return this.#problem(response, 'segment_not_found');
    const isThere = (): boolean => cell < this.#cellsOf(path.track);
    while (!isThere() && !this.#ended && !response.destroyed) await this.#change(response);
    if (!isThere()) return this.#problem(response, 'too_early');
    const parts = this.#parts(path.track, path.number);
    if (path.kind === 'segment') {
      return this.#send(response, Buffer.concat(parts.map(({ data }) => data)), { fault, range });
    }
    const part = parts[path.part];
    if (part === undefined) return this.#problem(response, 'segment_not_found');
    response.setHeader(PART_DURATION, part.durationTicks);
    response.setHeader(PART_INDEPENDENT, part.independent ? '1' : '0');
    response.setHeader(PART_LAST, path.part === PARTS - 1 ? '1' : '0');
    response.setHeader(SEGMENT_START, (parts[0] as MediaPart).startTicks);
    this.#send(response, part.data, { fault, range });
  }

  #send(
    response: ServerResponse,
    body: Buffer | undefined,
    { fault, range }: { fault: Fault | null; range: string | undefined },
  ): void {
    if (body === undefined) return this.#problem(response, 'segment_not_found');
    const from = range === undefined ? 0 : Number(/^bytes=(\d+)-$/.exec(range)?.[1]);
    if (from > 0) response.setHeader('content-range', `bytes ${from}-${body.length - 1}/${body.length}`);
    const half = body.subarray(from, from + Math.floor((body.length - from) / 2));
    if (fault === 'unframed') {
      response.useChunkedEncodingByDefault = false;
      response.writeHead(200, { connection: 'close' }).end(half);
      return;
    }
    const rest = fault === 'longer' ? Buffer.concat([body.subarray(from), Buffer.from('!')]) : body.subarray(from);
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': rest.length });
    if (fault !== 'die-mid-body') return void response.end(rest);
    response.write(half, () => response.destroy());
  }

  #problem(response: ServerResponse, code: string): void {
    response.writeHead(404, { 'content-type': 'application/problem+json' }).end(JSON.stringify({ code }));
  }

  #faultFor(path: string): Fault | null {
    const found = this.#faults.find((fault) => fault.times > 0 && fault.path.test(path));
    if (found === undefined) return null;
    found.times -= 1;
    return found.fault;
  }

  #change(response: ServerResponse): Promise<void> {
    return new Promise((resolve) => {
      const release = (): void => {
        this.#waiting.delete(release);
        response.off('close', release);
        resolve();
      };
      this.#waiting.add(release);
      response.once('close', release);
    });
  }

  #track(id: string): MediaTrack | undefined {
    return this.#media.find(({ track }) => track.id === id);
  }

  #parts(track: string, number: number): readonly MediaPart[] {
    return this.#track(track)?.segments[number - FIRST_NUMBER] ?? [];
  }

  #cellsOf(track: string): number {
    return this.#cells - (this.#lags.get(track) ?? 0);
  }

  #timeline(changedFrom: number): Timeline {
    const newest = Math.ceil(this.#cells / PARTS) - 1;
    const oldest = Math.max(0, newest - this.#windowSegments - 5);
    const indexes = Array.from({ length: newest - oldest + 1 }, (_, offset) => oldest + offset).filter(
      (index) => !this.#gaps.has(index) && index >= changedFrom,
    );
    return {
      stream: 'show',
      revision: this.#revision,
      state: this.#ended ? 'ended' : 'live',
      segmentDurationMs: SEGMENT_MS,
      partDurationMs: SEGMENT_MS / PARTS,
      partTargetMs: 342,
      anchorMs: 0,
      windowSegments: this.#windowSegments,
      epochs: this.#epochs,
      tracks: this.#media.map(({ track }) => track),
      windows: Object.fromEntries(
        this.#media.map(({ track: { id } }) => {
          const there = indexes.filter((index) => index * PARTS < this.#cellsOf(id));
          return [id, there.map((index) => this.#segment(id, index, newest))];
        }),
      ),
    };
  }

  #segment(track: string, index: number, newest: number): Segment {
    const number = FIRST_NUMBER + index;
    const there = this.#parts(track, number).slice(0, Math.max(0, this.#cellsOf(track) - index * PARTS));
    return {
      number,
      epoch: this.#epochs.findLast(({ firstSegment }) => firstSegment <= number)?.id ?? '',
      startTicks: there[0]?.startTicks ?? 0,
      durationTicks: there.reduce((sum, { durationTicks }) => sum + durationTicks, 0),
      bytes: there.reduce((sum, { data }) => sum + data.length, 0),
      complete: there.length === PARTS || this.#ended,
      parts:
        index <= newest - PARTS_LISTED
          ? []
          : there.map(({ durationTicks, independent, data }) => ({ durationTicks, independent, bytes: data.length })),
    };
  }
}
