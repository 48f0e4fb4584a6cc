import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_RUNGS } from '@headwater/protocol/feed';
import { type SourceVideo, planLadder, withoutTopRung } from './plan.ts';

const plan = (video: SourceVideo | null, ladder: Parameters<typeof planLadder>[0]['ladder'] = null, cores = 2) =>
  planLadder({ video, ladder, segmentDurationMs: 2_000, cores });

const sizes: { source: [number, number]; rungs: string[] }[] = [
  { source: [1920, 1080], rungs: ['v1080 1920x1080', 'v720 1280x720', 'v480 854x480', 'v360 640x360'] },
  { source: [3840, 2160], rungs: ['v1080 1920x1080', 'v720 1280x720', 'v480 854x480', 'v360 640x360'] },
  { source: [1280, 720], rungs: ['v720 1280x720', 'v480 854x480', 'v360 640x360'] },
  { source: [640, 480], rungs: ['v480 640x480', 'v360 480x360'] },
  { source: [720, 1280], rungs: ['v1080 608x1080', 'v720 406x720', 'v480 270x480', 'v360 202x360'] },
  { source: [320, 180], rungs: ['v180 320x180'] },
  { source: [321, 181], rungs: ['v180 320x180'] },
  { source: [321, 241], rungs: ['v240 320x240'] },
  { source: [2, 2], rungs: ['v2 2x2'] },
];

for (const { source, rungs } of sizes) {
  test(`the default ladder of ${source.join('×')}`, () => {
    const [width, height] = source;
    const { video } = plan({ width, height, frameRate: 30 });
    assert.deepEqual(
      video?.rungs.map((rung) => `${rung.trackId} ${rung.width}x${rung.height}`),
      rungs,
    );
  });
}

test('a stream has its own ladder, highest first, each height once, capped in number', () => {
  const heights = [90, 180, 180, 270, 360, 450, 540, 630, 120, 150];
  const ladder = {
    rungs: heights.map((height) => ({ height, bitsPerSecond: height * 1000 })),
    audioBitsPerSecond: 64_000,
  };
  const { video, audioBitsPerSecond } = plan({ width: 1280, height: 720, frameRate: 25 }, ladder);
  assert.deepEqual(
    video?.rungs.map(({ height }) => height),
    [630, 540, 450, 360, 270, 180, 150, 120],
  );
  assert.equal(video?.rungs.length, MAX_RUNGS);
  assert.equal(audioBitsPerSecond, 64_000);
});

test('sound alone has no video', () => {
  assert.equal(plan(null).video, null);
});

test('the preset follows the cores', () => {
  const presets = [1, 2, 7, 8, 15, 16, 64].map(
    (cores) => plan({ width: 640, height: 360, frameRate: 30 }, null, cores).video?.preset,
  );
  assert.deepEqual(presets, ['ultrafast', 'ultrafast', 'ultrafast', 'superfast', 'superfast', 'veryfast', 'veryfast']);
});

test('a plan is shed from the top, down to one rung', () => {
  const whole = plan({ width: 640, height: 480, frameRate: 30 });
  const less = withoutTopRung(whole);
  assert.deepEqual(
    less?.video?.rungs.map(({ trackId }) => trackId),
    ['v360'],
  );
  assert.deepEqual(less?.grid, whole.grid);
  assert.equal(less === null ? less : withoutTopRung(less), null);
  assert.equal(withoutTopRung(plan(null)), null);
});
