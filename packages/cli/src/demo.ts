/** The demo stream: a test picture that is always there to look at. */

import type { Ladder } from '@headwater/protocol/feed';
import type { Environment } from '@headwater/service/env';
import type { ProcessPlan } from './supervised.ts';
import { testPictureArguments } from './test-picture.ts';

export const DEMO_STREAM = 'demo';

/** Two rungs, which a small machine encodes beside everything else. */
export const DEMO_LADDER: Ladder = {
  rungs: [
    { height: 720, bitsPerSecond: 2_800_000 },
    { height: 360, bitsPerSecond: 800_000 },
  ],
  audioBitsPerSecond: 128_000,
};

/** ffmpeg, publishing the test picture. */
export function demoPublisher(publishUrl: string, ffmpeg: string, env: Environment): ProcessPlan {
  return { name: 'test-picture', command: ffmpeg, args: testPictureArguments({ url: publishUrl }), env };
}
