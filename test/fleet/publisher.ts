/** A publisher: the test picture, or any other ffmpeg source, pushed by RTMP. */

import { testPictureArguments } from '@headwater/cli/src/test-picture.ts';
import { Child } from './child.ts';
import { childEnvironment } from './config.ts';

/** Publishes the picture with the clock bar, the flash and the beep until disposed. */
export function publishTestPicture(url: string): Child {
  return publish(testPictureArguments({ url }));
}

/** Publishes whatever these ffmpeg arguments make. */
export function publish(args: readonly string[]): Child {
  return new Child({ name: 'publisher', command: 'ffmpeg', args, env: childEnvironment() });
}
