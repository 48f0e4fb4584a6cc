/** A reader that never stops, as a player that nobody closes, and whose verdict is about numbers and names. */

import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { Manifest } from 'm3u8-parser';
import { listSegments, lowestOwnVariant, parsePlaylist, read } from './stream-reader.ts';
import { until } from './until.ts';

const GO_ON_DEADLINE_MS = 15_000;
/** What has to come after a death, for the verdict that a reader goes on. */
const GO_ON_SEGMENTS = 3;
const ASK_EVERY_MS = 250;

/** Follows a rendition like a plain player, and keeps what it saw. */
export class SegmentReader implements AsyncDisposable {
  /** of the segments read, in order */
  readonly numbers: number[] = [];
  readonly epochs = new Set<string>();
  /** sentences about what must never be */
  readonly broken: string[] = [];
  readonly #atMs: number[] = [];
  readonly #gaps = new Set<number>();
  readonly #sizes = new Map<string, number>();
  readonly #base: string;
  readonly #done: Promise<void>;
  #stopped = false;
  #discontinuitySequence = 0;

  constructor(base: string) {
    this.#base = base;
    this.#done = this.#run();
  }

  /** A moment, for {@link goesOn}. */
  mark(): number {
    return this.numbers.length;
  }

  missedSince(mark: number): number[] {
    const seen = this.numbers.slice(Math.max(0, mark - 1));
    const [first, last] = [seen[0], seen.at(-1)];
    if (first === undefined || last === undefined) return [];
    const missed: number[] = [];
    for (let number = first; number < last; number += 1) {
      if (!seen.includes(number) && !this.#gaps.has(number)) missed.push(number);
    }
    return missed;
  }

  /**
   * Waits for new segments since the mark, each number once, ascending; none is missing that the playlist did not call a gap.
   * @returns the longest time without a new segment, in ms
   */
  async goesOn(mark: number, how: 'without a miss' | 'with gaps told'): Promise<number> {
    await until(`${this.#base} to go on`, GO_ON_DEADLINE_MS, () => this.numbers.length >= mark + GO_ON_SEGMENTS);
    assert.deepEqual(this.missedSince(mark), [], `${this.#base}: numbers that were never told`);
    if (how === 'without a miss') {
      const gaps = [...this.#gaps].filter((number) => number >= (this.numbers[mark] ?? 0));
      assert.deepEqual(gaps, [], `${this.#base}: gaps`);
    }
    const times = this.#atMs.slice(Math.max(0, mark - 1));
    return Math.max(...times.slice(1).map((atMs, index) => atMs - (times[index] ?? atMs)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#look();
      } catch (error) {
        // Its edge is being killed in one of the tests; whether it should have answered is judged there.
        if (!(error instanceof Error)) throw error;
      }
      await delay(ASK_EVERY_MS);
    }
  }

  async #look(): Promise<void> {
    const url = await lowestOwnVariant(`${this.#base}/classic.m3u8`);
    if (url === undefined) return;
    const playlist = await read(url);
    if (playlist.status !== 200) return;
    const text = Buffer.from(playlist.body).toString();
    for (const number of gapsIn(text, url)) this.#gaps.add(number);
    this.#noteLostWindow(parsePlaylist(text));
    for (const segment of listSegments(text, url)) {
      if (segment.number <= (this.numbers.at(-1) ?? -1) || this.#gaps.has(segment.number)) continue;
      const { status, body } = await read(segment.url);
      if (status !== 200) return;
      this.#keep(segment.number, segment.url.pathname, body.length);
    }
  }

  /** A new origin knows nothing of the old one's window: its first number says what is gone, its discontinuity sequence that. */
  #noteLostWindow({ mediaSequence, discontinuitySequence }: Manifest): void {
    const newest = this.numbers.at(-1);
    if (newest !== undefined && discontinuitySequence > this.#discontinuitySequence) {
      for (let number = newest + 1; number < mediaSequence; number += 1) this.#gaps.add(number);
    }
    this.#discontinuitySequence = Math.max(this.#discontinuitySequence, discontinuitySequence);
  }

  #keep(number: number, path: string, bytes: number): void {
    const known = this.#sizes.get(path);
    if (known !== undefined) this.broken.push(`${path} was read twice, ${known} and ${bytes} bytes`);
    this.#sizes.set(path, bytes);
    this.epochs.add(path.split('/').at(-2) ?? '');
    this.numbers.push(number);
    this.#atMs.push(performance.now());
  }
}

/** The numbers under EXT-X-GAP, which m3u8-parser does not tell. */
function gapsIn(text: string, url: URL): number[] {
  let number = listSegments(text, url)[0]?.number ?? 0;
  const gaps: number[] = [];
  let gap = false;
  for (const line of text.split('\n')) {
    if (line === '#EXT-X-GAP') gap = true;
    if (line === '' || line.startsWith('#')) continue;
    if (gap) gaps.push(number);
    gap = false;
    number += 1;
  }
  return gaps;
}
