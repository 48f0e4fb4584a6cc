/**
 * The process under abuse: the real listener, with a desk that counts instead of a live pipeline. Answers `report` on its IPC
 * channel once every hostile connection is gone.
 */

import { createHash } from 'node:crypto';
import type { PublishDecision, PublishEnd, PublishPacket, PublishRequest } from '@headwater/origin/src/publish.ts';
import { createRtmpListener } from '@headwater/origin/src/rtmp/listener.ts';
import { DEFAULT_RTMP_LIMITS } from '@headwater/origin/src/rtmp/rtmp-limits.ts';
import { makeSelfSigned } from '@headwater/origin/src/rtmp/self-signed.ts';
import { systemClock } from '@headwater/service/clock';
import { Metrics } from '@headwater/service/metrics';
import { GOOD_KEY, GOOD_STREAM, MARK, type TargetReport } from './rtmp-abuse-inputs.ts';

/** Short, so that the connections that hang are cut within the run. */
const PUBLISH_DEADLINE_MS = 2_000;
const IDLE_MS = 5_000;
/** Every so many packets a hostile publisher's sink asks it to wait. */
const HOLD_BACK_EVERY = 7;

const metrics = new Metrics();
const counts = { asked: 0, accepted: 0, hostilePackets: 0, refusedPackets: 0, goodPackets: 0 };
const goodHash = createHash('sha256');

function open({ stream, key }: PublishRequest): Promise<PublishDecision> {
  counts.asked += 1;
  if (key !== GOOD_KEY) return Promise.resolve({ ok: false, code: 'publish_denied' });
  counts.accepted += 1;
  const sink = {
    write: stream === GOOD_STREAM ? takeGood : takeHostile,
    drained: () => new Promise<void>((resolve) => void setImmediate(resolve)),
    close: () => undefined,
    closed: new Promise<PublishEnd>(() => undefined),
  };
  return Promise.resolve({ ok: true, sink });
}

function takeGood({ kind, timestampMs, payload }: PublishPacket): boolean {
  if (kind === 'data') return true;
  counts.goodPackets += 1;
  goodHash.update(`${kind} ${timestampMs} ${payload.length} `).update(payload);
  return true;
}

function takeHostile({ payload }: PublishPacket): boolean {
  counts.hostilePackets += 1;
  if (Buffer.from(payload.buffer, payload.byteOffset, payload.length).includes(MARK)) counts.refusedPackets += 1;
  return counts.hostilePackets % HOLD_BACK_EVERY !== 0;
}

function openConnections(): number {
  return Number(/^headwater_rtmp_connections (\d+)$/m.exec(metrics.format())?.[1]);
}

/** After a report's first look the good publisher may still be there, and nobody else. */
async function report(expectedConnections: number): Promise<TargetReport> {
  while (openConnections() > expectedConnections) await new Promise((resolve) => setTimeout(resolve, 20));
  // Twice: finalizers of the first run free what the second one can collect.
  globalThis.gc?.();
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  const metricsText = metrics.format();
  return { ...counts, goodHash: goodHash.copy().digest('hex'), rss, heapUsed, external, metricsText };
}

const tls = makeSelfSigned(['127.0.0.1'], Date.now());
await using listener = await createRtmpListener({
  port: 0,
  tlsPort: 0,
  tls,
  host: '127.0.0.1',
  limits: { ...DEFAULT_RTMP_LIMITS, publishDeadlineMs: PUBLISH_DEADLINE_MS, idleMs: IDLE_MS },
  desk: { open },
  log: () => undefined,
  metrics,
  clock: systemClock,
});
process.on('message', (expectedConnections: number) => {
  void report(expectedConnections).then((answer) => process.send?.(answer));
});
process.send?.({ port: listener.port, tlsPort: listener.tlsPort });
await new Promise((resolve) => process.once('disconnect', resolve));
