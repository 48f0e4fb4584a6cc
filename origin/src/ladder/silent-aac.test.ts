import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { writeAudioSpecificConfig } from '@headwater/media/codec/aac';
import { flvHeader, flvTag } from '@headwater/media/flv/tag';
import { writeAacFrameBody, writeAacHeaderBody } from '@headwater/media/flv/tag-body';
import { silentAacFrame } from './silent-aac.ts';

/** Channels by configuration (ISO/IEC 14496-3 table 1.19). */
const CHANNELS = [0, 1, 2, 3, 4, 5, 6, 8];

for (const channels of CHANNELS.slice(1)) {
  test(`ffmpeg decodes the silent frame of ${channels} channels to silence`, () => {
    const frame = silentAacFrame(CHANNELS.indexOf(channels));
    assert.ok(frame);
    const config = writeAudioSpecificConfig({ sampleRate: 48_000, channels });
    const tags = [flvHeader({ audio: true, video: false }), flvTag('audio', 0, writeAacHeaderBody(config))];
    for (let index = 0; index < 20; index += 1)
      tags.push(flvTag('audio', Math.round(index * 21.33), writeAacFrameBody(frame)));
    const args = ['-v', 'error', '-f', 'flv', '-i', 'pipe:0', '-f', 's16le', 'pipe:1'];
    const { stdout, stderr } = spawnSync('ffmpeg', args, { input: Buffer.concat(tags) });
    assert.equal(stderr.toString(), '');
    assert.equal(stdout.length, 20 * 1024 * channels * 2);
    assert.ok(stdout.every((byte) => byte === 0));
  });
}

test('a configuration outside the table has no silence', () => {
  assert.equal(silentAacFrame(0), null);
  assert.equal(silentAacFrame(8), null);
});
