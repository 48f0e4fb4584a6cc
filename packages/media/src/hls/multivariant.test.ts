import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Parser } from 'm3u8-parser';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { renderMultivariant } from './multivariant.ts';
import type { Multivariant } from './multivariant.ts';

const LADDER: Multivariant = {
  audio: [
    { groupId: 'audio', name: 'Main', uri: 'a0/media.m3u8', language: 'en', isDefault: true, channels: 2 },
    { groupId: 'audio', name: 'Commentary', uri: 'a1/media.m3u8', isDefault: false, autoselect: true },
  ],
  variants: [
    {
      uri: 'v720/media.m3u8',
      bandwidth: 3_000_000.2,
      averageBandwidth: 2_800_000,
      codecs: ['avc1.64001f', 'mp4a.40.2'],
      resolution: { width: 1280, height: 720 },
      frameRate: [30_000, 1001],
      audioGroupId: 'audio',
    },
    { uri: 'a0/media.m3u8', bandwidth: 140_000, codecs: ['mp4a.40.2'], audioGroupId: 'audio' },
  ],
};

function read(text: string) {
  const parser = new Parser();
  parser.push(text);
  parser.end();
  return parser.manifest;
}

test('a multivariant playlist says, byte for byte, what its model holds', () => {
  assert.equal(
    renderMultivariant(LADDER),
    `#EXTM3U
#EXT-X-VERSION:6
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Main",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="a0/media.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Commentary",DEFAULT=NO,AUTOSELECT=YES,URI="a1/media.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=3000001,AVERAGE-BANDWIDTH=2800000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=29.970,AUDIO="audio"
v720/media.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=140000,CODECS="mp4a.40.2",AUDIO="audio"
a0/media.m3u8
`,
  );
});

test('an independent reader finds variants and audio', () => {
  const manifest = read(renderMultivariant(LADDER));
  const variants = manifest.playlists ?? [];
  assert.deepEqual(
    variants.map((variant) => variant.uri),
    ['v720/media.m3u8', 'a0/media.m3u8'],
  );
  assert.deepEqual(variants[0]?.attributes, {
    BANDWIDTH: 3_000_001,
    'AVERAGE-BANDWIDTH': '2800000',
    CODECS: 'avc1.64001f,mp4a.40.2',
    RESOLUTION: { width: 1280, height: 720 },
    'FRAME-RATE': 29.97,
    AUDIO: 'audio',
  });
  const audio = manifest.mediaGroups.AUDIO['audio'] ?? {};
  assert.deepEqual(Object.keys(audio), ['Main', 'Commentary']);
  assert.equal(audio['Main']?.uri, 'a0/media.m3u8');
  assert.equal(audio['Main']?.default, true);
});

test('an audio-only stream is one variant without a size', () => {
  const text = renderMultivariant({ variants: [{ uri: 'a0/ts.m3u8', bandwidth: 128_000, codecs: ['mp4a.40.2'] }] });
  assert.ok(text.endsWith('#EXT-X-STREAM-INF:BANDWIDTH=128000,CODECS="mp4a.40.2"\na0/ts.m3u8\n'));
});

test('names and URIs cannot break out of their quotes or lines', () => {
  const text = renderMultivariant({
    audio: [{ groupId: 'a"b', name: 'c\n#EXT-X-ENDLIST', uri: 'd"\ne', isDefault: false }],
    variants: [{ uri: 'f\n#EXT-X-ENDLIST', bandwidth: 1, codecs: ['g"'] }],
  });
  assert.doesNotMatch(text, /^#EXT-X-ENDLIST/m);
  assert.match(text, /GROUP-ID="a'b",NAME="c #EXT-X-ENDLIST",DEFAULT=NO,AUTOSELECT=NO,URI="d%22%0Ae"/);
  assert.match(text, /CODECS="g'"\nf%0A#EXT-X-ENDLIST\n/);
});

test('what a playlist cannot hold is refused', () => {
  const [variant] = LADDER.variants;
  const [rendition] = LADDER.audio ?? [];
  assert.ok(variant !== undefined && rendition !== undefined);
  for (const change of [
    { bandwidth: Number.NaN },
    { averageBandwidth: -1 },
    { resolution: { width: 1280, height: 0.5 } },
    { frameRate: [30, 0] as const },
    { frameRate: [-30, 1] as const },
  ]) {
    assertMediaError(() => renderMultivariant({ variants: [{ ...variant, ...change }] }), 'field_range');
  }
  assertMediaError(() => renderMultivariant({ ...LADDER, audio: [{ ...rendition, channels: 0.5 }] }), 'field_range');
});
