/**
 * What is known of a publisher's stream: its codec headers, and every packet since its last key frame, so that an encoder can
 * be started in the middle of it.
 */

import { type AacConfig, parseAudioSpecificConfig } from '@headwater/media/codec/aac';
import { parseAvcConfig } from '@headwater/media/codec/avc';
import { parseSps } from '@headwater/media/codec/avc-sps';

/** A packet on the wall clock's time. */
export interface TimedPacket {
  readonly kind: 'audio' | 'video';
  /** decode time, whole Unix milliseconds */
  readonly timeMs: number;
  /** presentation time, Unix milliseconds */
  readonly ptsMs: number;
  readonly keyframe: boolean;
  /** FLV tag body */
  readonly payload: Uint8Array;
}

export interface AvcSource {
  /** FLV tag body of the sequence header */
  readonly payload: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly frameRate: number | null;
}

export interface AacSource {
  readonly payload: Uint8Array;
  readonly config: AacConfig;
}

/** @throws MediaError */
export function readAvcSource(payload: Uint8Array, record: Uint8Array): AvcSource {
  const [sps] = parseAvcConfig(record).sps;
  if (sps === undefined) throw new Error('an AVC sequence header without a parameter set');
  const { width, height, frameRate } = parseSps(sps);
  return { payload, width, height, frameRate: frameRate === undefined ? null : frameRate[0] / frameRate[1] };
}

/** @throws MediaError */
export function readAacSource(payload: Uint8Array, audioSpecificConfig: Uint8Array): AacSource {
  return { payload, config: parseAudioSpecificConfig(audioSpecificConfig) };
}

/** Encoders of live streams send a key frame every few seconds; a longer group cannot be replayed. */
export const MAX_GROUP_BYTES = 32 * 1024 * 1024;
export const MAX_GROUP_PACKETS = 4_096;
/** Without video, this much sound is replayed. */
const MAX_SOUND_PACKETS = 32;

/** The packets since the last key frame, bounded. */
export class GroupCache {
  readonly #withVideo: boolean;
  #packets: TimedPacket[] = [];
  #bytes = 0;
  #keyframe: TimedPacket | null = null;

  constructor(withVideo: boolean) {
    this.#withVideo = withVideo;
  }

  /** The last key frame, also when the group behind it grew too long. */
  get keyframe(): TimedPacket | null {
    return this.#keyframe;
  }

  /** Oldest first, from a key frame; empty when there is nothing to start from. */
  get packets(): readonly TimedPacket[] {
    return this.#packets;
  }

  push(packet: TimedPacket): void {
    if (packet.keyframe) {
      this.#clear();
      this.#keyframe = packet;
    }
    if (this.#withVideo && this.#packets.length === 0 && !packet.keyframe) return;
    this.#packets.push(packet);
    this.#bytes += packet.payload.length;
    if (!this.#withVideo && this.#packets.length > MAX_SOUND_PACKETS)
      this.#bytes -= this.#packets.shift()?.payload.length ?? 0;
    if (this.#packets.length > MAX_GROUP_PACKETS || this.#bytes > MAX_GROUP_BYTES) this.#clear();
  }

  /** The publisher's sound changed: what is here of it cannot be decoded with the new header. */
  dropSound(): void {
    this.#packets = this.#packets.filter(({ kind }) => kind === 'video');
    this.#bytes = this.#packets.reduce((sum, { payload }) => sum + payload.length, 0);
  }

  /** The publisher's picture changed: what is here cannot be decoded with the new header. */
  reset(): void {
    this.#clear();
    this.#keyframe = null;
  }

  #clear(): void {
    this.#packets = [];
    this.#bytes = 0;
  }
}
