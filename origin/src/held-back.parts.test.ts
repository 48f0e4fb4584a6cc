/** A publisher that must wait because the encoder takes nothing: it is neither silent nor late by its own doing. */

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { PublishPacket, PublishSink } from './publish.ts';
import { isHeader, makeSource, play } from './test-publisher.ts';
import { signalEncoders, startRig } from './test-rig.ts';
import { samplesOf, wholeTimeline } from './test-timeline.ts';

/** So many bytes a picture, and what waits for an encoder is full within half a second. */
const HEAVY_BYTES = 150_000;
/** An AAC frame of silence is smaller, one of the tone is not. */
const SILENT_BYTES = 40;

let folder = '';
let source: PublishPacket[] = [];
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hw-test-'));
  source = makeSource({ seconds: 4 }).map(heavy);
});
after(() => rm(folder, { recursive: true, force: true }));

/** The same picture with filler data behind it (ITU-T H.264 §7.3.2.7). */
function heavy(packet: PublishPacket): PublishPacket {
  if (packet.kind !== 'video' || isHeader(packet)) return packet;
  const filler = Buffer.alloc(4 + HEAVY_BYTES, 0xff);
  filler.writeUInt32BE(HEAVY_BYTES);
  filler[4] = 12;
  filler[filler.length - 1] = 0x80;
  return { ...packet, payload: Buffer.concat([packet.payload, filler]) };
}

/** A sink that says whether its publisher waits. */
function watched(inner: PublishSink): PublishSink & { waits: boolean } {
  const sink = {
    waits: false,
    closed: inner.closed,
    write: (packet: PublishPacket) => inner.write(packet),
    close: (reason: string) => inner.close(reason),
    async drained() {
      sink.waits = true;
      await inner.drained();
      sink.waits = false;
    },
  };
  return sink;
}

test('what it sends late keeps its time, and none of its sound is lost', async () => {
  await using rig = await startRig(folder, 'late');
  const sink = watched(await rig.open());
  const playing = play(sink, source, { clock: rig.clock, forMs: 9_000 });
  await rig.clock.until('sound', () => (samplesOf(rig.stream()).get('a0')?.length ?? 0) > 100);
  await signalEncoders(rig, 'SIGSTOP');
  await rig.clock.until('the publisher to wait', () => sink.waits);
  await rig.clock.pass(1_800);
  await signalEncoders(rig, 'SIGCONT');
  await playing;
  await rig.caughtUp();
  const stream = rig.stream();
  await rig.desk[Symbol.asyncDispose]();
  assert.equal(wholeTimeline(stream).epochs.length, 1);
  // The encoder's first frames are quiet whatever comes.
  const sound = (samplesOf(stream).get('a0') ?? []).slice(5);
  const silent = sound.filter(({ bytes }) => bytes < SILENT_BYTES).length;
  assert.ok(silent < 5, `${silent} of ${sound.length} frames of sound are silent`);
});

test('nobody replaces it', async () => {
  const ffmpegPath = join(folder, 'deaf');
  await writeFile(ffmpegPath, '#!/bin/sh\nexec sleep 60\n', { mode: 0o755 });
  await using rig = await startRig(folder, 'waits', { ffmpegPath });
  const sink = watched(await rig.open());
  const playing = play(sink, source, { clock: rig.clock, forMs: 2_000 });
  await rig.clock.until('the publisher to wait', () => sink.waits);
  await rig.clock.pass(3_300);
  assert.equal(sink.waits, true);
  assert.deepEqual(await rig.desk.open({ stream: 'show', key: 'k', remoteAddress: '127.0.0.1' }), {
    ok: false,
    code: 'stream_claimed',
  });
  await rig.desk[Symbol.asyncDispose]();
  await playing;
});
