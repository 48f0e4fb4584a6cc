/**
 * What stands in for a publisher that is silent: its last key frame over and over, and silence. Players then go on playing,
 * and the stream keeps its shape.
 */

import { type Silence, silenceLike } from './ladder/silent-aac.ts';
import type { AacSource } from './ladder/source.ts';
import type { MediaKind } from './retime.ts';

/** Nothing of a kind for this long is a stall; of a source of few pictures, so many of them must be missing. */
export const STALL_MS = 700;
export const STALL_FRAMES = 3;
/** Between two repetitions of the picture; the encoder's frame rate fills what lies between. */
const PICTURE_EVERY_MS = 100;
/** One turn gives out at most this much sound; after a longer hole the encoder fills the rest. */
const MAX_SOUND_FRAMES = 64;

/** A packet to make up, at a media time. */
export interface Filling {
  readonly kind: MediaKind;
  readonly timeMs: number;
  /** null: the last key frame */
  readonly payload: Uint8Array | null;
}

export class Filler {
  readonly #heardMs: Record<MediaKind, number> = { audio: -Infinity, video: -Infinity };
  readonly #filling: Record<MediaKind, boolean> = { audio: false, video: false };
  #sound: Silence | null = null;
  #soundEndMs = -Infinity;
  #pictureMs = -Infinity;
  #pictureStallMs = STALL_MS;

  /** How long a frame of the source lasts. */
  setPicture(frameMs: number): void {
    this.#pictureStallMs = Math.max(STALL_MS, STALL_FRAMES * frameMs);
  }

  /** Silence is made in the shape of the source's sound; a shape it cannot be made in is not filled. */
  setSound({ config }: AacSource): void {
    this.#sound = silenceLike(config);
  }

  /**
   * The publisher's own packet goes out at a media time.
   * @returns whether this ends a stall of its kind
   */
  heard(kind: MediaKind, nowMs: number, mediaMs: number): boolean {
    const ends = this.#filling[kind];
    this.#filling[kind] = false;
    this.#heardMs[kind] = nowMs;
    if (kind === 'audio') this.#soundEndMs = mediaMs + (this.#sound?.frameMs ?? 0);
    return ends;
  }

  /** Its publisher was made to wait until now: that was no stall. */
  excuse(nowMs: number): void {
    for (const kind of ['audio', 'video'] as const) {
      if (!this.#filling[kind] && this.#heardMs[kind] !== -Infinity) this.#heardMs[kind] = nowMs;
    }
  }

  /** Silence begins at a media time: the publisher sends no sound. */
  beginSilence(mediaMs: number): void {
    this.#soundEndMs = mediaMs;
  }

  /** Where the sound given out so far ends, in media time; what comes late is dropped against it. */
  get soundEndMs(): number {
    return this.#soundEndMs;
  }

  /** What is due at `nowMs`, which is media time and wall clock alike. */
  due(nowMs: number, has: { readonly video: boolean }): Filling[] {
    return [...(has.video ? this.#duePicture(nowMs) : []), ...this.#dueSound(nowMs)];
  }

  #duePicture(nowMs: number): Filling[] {
    if (nowMs - this.#heardMs.video <= this.#pictureStallMs || nowMs - this.#pictureMs < PICTURE_EVERY_MS) return [];
    this.#filling.video = true;
    this.#pictureMs = nowMs;
    return [{ kind: 'video', timeMs: nowMs, payload: null }];
  }

  #dueSound(nowMs: number): Filling[] {
    const sound = this.#sound;
    if (sound === null || nowMs - this.#heardMs.audio <= STALL_MS || this.#soundEndMs === -Infinity) return [];
    this.#filling.audio = true;
    this.#soundEndMs = Math.max(this.#soundEndMs, nowMs - MAX_SOUND_FRAMES * sound.frameMs);
    const fillings: Filling[] = [];
    while (this.#soundEndMs < nowMs) {
      fillings.push({ kind: 'audio', timeMs: this.#soundEndMs, payload: sound.payload });
      this.#soundEndMs += sound.frameMs;
    }
    return fillings;
  }
}
