/** Streams as schemas. */

import { MAX_RUNGS } from '@headwater/protocol/feed';
import { isStreamName } from '@headwater/protocol/names';
import { z } from 'zod';

export const LADDER = z
  .strictObject({
    rungs: z
      .array(
        z.strictObject({
          height: z.int().min(16).max(4_320).multipleOf(2),
          bitsPerSecond: z.int().min(10_000).max(100_000_000),
        }),
      )
      .min(1)
      .max(MAX_RUNGS, `at most ${MAX_RUNGS} rungs`)
      .refine((rungs) => new Set(rungs.map(({ height }) => height)).size === rungs.length, 'two rungs of one height'),
    audioBitsPerSecond: z.int().min(8_000).max(512_000),
  })
  .meta({ id: 'Ladder' });

export const STREAM_NAME = z
  .string()
  .refine(isStreamName, 'wants 1 to 64 of A-Z a-z 0-9 _ -, starting with a letter or digit');

export const POLICY = z.enum(['token', 'public']);
