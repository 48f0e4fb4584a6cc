/** Cuts one track's samples into parts. Knows the grid and nothing else. */

import type { Sample } from '@headwater/media/mp4/sample';

export interface CutPart {
  /** the segment's number */
  readonly number: number;
  readonly samples: readonly Sample[];
  /** nothing more comes for this segment */
  readonly last: boolean;
}

interface Cell {
  readonly number: number;
  readonly part: number;
}

/** A part never holds more samples, whatever the timestamps say. */
export const MAX_PART_SAMPLES = 512;

export class PartCutter {
  readonly #segmentTicks: number;
  readonly #partTicks: number;
  #pending: Sample[] = [];
  #cell: Cell = { number: -1, part: -1 };
  #nextDtsTicks = -Infinity;

  /** @param segmentTicks and partTicks in the track's timescale; the first a multiple of the second */
  constructor(segmentTicks: number, partTicks: number) {
    this.#segmentTicks = segmentTicks;
    this.#partTicks = partTicks;
  }

  /** Decode time from which the next sample is taken; -Infinity before the first. */
  get nextDtsTicks(): number {
    return this.#nextDtsTicks;
  }

  /**
   * Takes the next sample in decode order; one that starts more than half its duration before the end of the last is a
   * repetition and dropped.
   * @returns the parts that became whole, oldest first: at most the one before a gap, and the one that this sample ends
   */
  push(sample: Sample): CutPart[] {
    if (sample.dtsTicks < this.#nextDtsTicks - sample.durationTicks / 2) return [];
    const cut: CutPart[] = [];
    // Durations are rounded: one that begins a tick before it was due must not reopen what was closed.
    const cell = this.#cellAt(Math.max(sample.dtsTicks, this.#nextDtsTicks));
    if (this.#pending.length > 0 && !same(cell, this.#cell)) cut.push(this.#take(cell.number !== this.#cell.number));
    this.#pending.push(sample);
    this.#cell = cell;
    this.#nextDtsTicks = sample.dtsTicks + sample.durationTicks;
    // The next sample's start is known already, so that a part need not wait for it.
    const next = this.#cellAt(this.#nextDtsTicks);
    if (!same(next, cell) || this.#pending.length >= MAX_PART_SAMPLES)
      cut.push(this.#take(next.number !== cell.number));
    return cut;
  }

  /** Ends the track: what is left becomes the last part of its segment. */
  flush(): CutPart | null {
    return this.#pending.length === 0 ? null : this.#take(true);
  }

  #take(last: boolean): CutPart {
    const samples = this.#pending;
    this.#pending = [];
    return { number: this.#cell.number, samples, last };
  }

  #cellAt(ticks: number): Cell {
    const number = Math.floor(ticks / this.#segmentTicks);
    return { number, part: Math.floor((ticks - number * this.#segmentTicks) / this.#partTicks) };
  }
}

function same(a: Cell, b: Cell): boolean {
  return a.number === b.number && a.part === b.part;
}
