/**
 * The process under abuse: a whole origin, with somebody who counts between its listener and its desk. Answers `report` on its
 * IPC channel with what was counted and what memory it holds.
 */

import { createHash } from 'node:crypto';
import { readConfig } from '@headwater/origin/src/config.ts';
import type { PublishDecision, PublishDesk, PublishPacket, PublishRequest } from '@headwater/origin/src/publish.ts';
import { startOrigin } from '@headwater/origin/src/start-origin.ts';
import { GOOD_STREAM, MARK, type TargetReport } from './rtmp-abuse-inputs.ts';

/** Every so many packets a hostile publisher is made to wait. */
const HOLD_BACK_EVERY = 7;

const counts = { asked: 0, accepted: 0, hostilePackets: 0, refusedPackets: 0, goodPackets: 0 };
const goodHash = createHash('sha256');

/** The origin's desk, watched: every decision and every packet is its own. */
function watch(desk: PublishDesk): PublishDesk {
  return {
    async open(request: PublishRequest): Promise<PublishDecision> {
      counts.asked += 1;
      const decision = await desk.open(request);
      if (!decision.ok) return decision;
      counts.accepted += 1;
      const { sink } = decision;
      const count = request.stream === GOOD_STREAM ? countGood : countHostile;
      const watched = {
        write(packet: PublishPacket) {
          const goesOn = count(packet);
          return sink.write(packet) && goesOn;
        },
        drained: () => sink.drained(),
        close: (reason: string) => sink.close(reason),
        closed: sink.closed,
      };
      return { ok: true, sink: watched };
    },
  };
}

function countGood({ kind, timestampMs, payload }: PublishPacket): boolean {
  if (kind === 'data') return true;
  counts.goodPackets += 1;
  goodHash.update(`${kind} ${timestampMs} ${payload.length} `).update(payload);
  return true;
}

function countHostile({ payload }: PublishPacket): boolean {
  counts.hostilePackets += 1;
  if (Buffer.from(payload.buffer, payload.byteOffset, payload.length).includes(MARK)) counts.refusedPackets += 1;
  return counts.hostilePackets % HOLD_BACK_EVERY !== 0;
}

function report(): TargetReport {
  // Twice: finalizers of the first run free what the second one can collect.
  globalThis.gc?.();
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { ...counts, goodHash: goodHash.copy().digest('hex'), rss, heapUsed, external };
}

await using origin = await startOrigin(readConfig(), { log: () => undefined, watch });
process.on('message', () => process.send?.(report()));
process.send?.({ rtmpPort: origin.rtmpPort, rtmpsPort: origin.rtmpsPort, httpPort: origin.httpPort });
await new Promise((resolve) => process.once('disconnect', resolve));
