/** For tests: sources made by ffmpeg once, and a publisher that plays their packets into a sink on a clock that runs fast. */

import { spawnSync } from 'node:child_process';
import type { Clock } from '@headwater/service/clock';
import type { PublishPacket, PublishSink } from './publish.ts';

/** Media time runs so much faster than the tests'. ffmpeg keeps up with small pictures. */
export const SPEED = 2;

/** The machine's clock, faster. */
export class FastClock implements Clock {
  readonly #startMs = Date.now();
  readonly #startedAt = performance.now();

  nowMs(): number {
    return this.#startMs + this.monotonicMs();
  }

  monotonicMs(): number {
    return (performance.now() - this.#startedAt) * SPEED;
  }

  /** Waits until the clock has gone on by so much. */
  async pass(ms: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, ms / SPEED));
  }

  /** @throws Error when it does not come true in ten real seconds */
  async until(what: string, holds: () => boolean): Promise<void> {
    const startedAt = performance.now();
    while (!holds()) {
      if (performance.now() - startedAt > 10_000) throw new Error(`waited in vain for ${what}`);
      await this.pass(10);
    }
  }
}

interface SourceOptions {
  readonly size?: string;
  readonly rate?: number;
  readonly sampleRate?: number;
  readonly channels?: number;
  readonly video?: boolean;
  readonly audio?: boolean;
  readonly seconds?: number;
}

/** FLV packets of a moving picture and a tone, a key frame each second. */
export function makeSource(options: SourceOptions = {}): PublishPacket[] {
  const { size = '320x180', rate = 30, sampleRate = 48_000, channels = 2, seconds = 12 } = options;
  const { video = true, audio = true } = options;
  const picture = ['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=${rate}`];
  const tone = ['-f', 'lavfi', '-i', `sine=frequency=440:sample_rate=${sampleRate}`];
  const avc = [
    '-c:v',
    'libx264',
    '-preset',
    'ultrafast',
    '-tune',
    'zerolatency',
    '-g',
    String(rate),
    '-pix_fmt',
    'yuv420p',
  ];
  const aac = ['-c:a', 'aac', '-b:a', '96k', '-ac', String(channels)];
  const input = [...(video ? picture : []), ...(audio ? tone : [])];
  const codecs = [...(video ? avc : []), ...(audio ? aac : [])];
  const args = ['-v', 'error', ...input, '-t', String(seconds), ...codecs, '-f', 'flv', 'pipe:1'];
  const { stdout, stderr, status } = spawnSync('ffmpeg', args, { maxBuffer: 64 * 1024 * 1024 });
  if (status !== 0) throw new Error(`ffmpeg: ${stderr.toString()}`);
  return splitTags(stdout);
}

function splitTags(flv: Buffer): PublishPacket[] {
  const kinds: Record<number, PublishPacket['kind']> = { 8: 'audio', 9: 'video', 18: 'data' };
  const packets: PublishPacket[] = [];
  for (let at = 13; at + 11 <= flv.length;) {
    const bytes = flv.readUIntBE(at + 1, 3);
    const timestampMs = flv.readUIntBE(at + 4, 3) + (flv[at + 7] as number) * 2 ** 24;
    const kind = kinds[flv[at] as number];
    if (kind !== undefined)
      packets.push({ kind, timestampMs, payload: Uint8Array.from(flv.subarray(at + 11, at + 11 + bytes)) });
    at += 11 + bytes + 4;
  }
  return packets;
}

interface Play {
  readonly clock: FastClock;
  readonly forMs: number;
  /** of the publisher's clock at its first packet */
  readonly firstTimestampMs?: number;
  /** the publisher's seconds per second */
  readonly rate?: number;
  readonly wanted?: (packet: PublishPacket) => boolean;
}

/** Publishes a source from its start for a while; it goes round when it is shorter, with its timestamps going on. */
export async function play(sink: PublishSink, source: readonly PublishPacket[], options: Play): Promise<void> {
  const { clock, forMs, firstTimestampMs = 0, rate = 1, wanted = () => true } = options;
  const lengthMs = Math.max(...source.map(({ timestampMs }) => timestampMs)) + 34;
  const startMs = clock.nowMs();
  for (let round = 0; ; round += 1) {
    for (const packet of source) {
      if (round > 0 && isHeader(packet)) continue;
      const atMs = packet.timestampMs + round * lengthMs;
      if (atMs > forMs * rate) return;
      const aheadMs = startMs + atMs / rate - clock.nowMs();
      if (aheadMs > 0) await clock.pass(aheadMs);
      if (!wanted(packet)) continue;
      if (!sink.write({ ...packet, timestampMs: firstTimestampMs + atMs })) await sink.drained();
    }
  }
}

/** Metadata, and codec headers: a publisher sends them once. */
export function isHeader({ kind, payload }: PublishPacket): boolean {
  return kind === 'data' || payload[1] === 0;
}
