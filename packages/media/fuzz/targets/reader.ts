/** The incremental reader: however a stream is cut, it gives the same events or the same error. */
import { isDeepStrictEqual } from 'node:util';
import { MediaError } from '../../src/media-error.ts';
import { FragmentReader, type ReaderEvent } from '../../src/mp4/reader.ts';
import { Random } from '../random.ts';
import type { FuzzTarget } from '../target.ts';

interface Outcome {
  readonly events: readonly ReaderEvent[];
  readonly error: string | undefined;
}

function read(input: Uint8Array, chunkBytes: () => number): Outcome {
  const reader = new FragmentReader();
  const events: ReaderEvent[] = [];
  let at = 0;
  try {
    while (at < input.length) {
      const end = Math.min(input.length, at + chunkBytes());
      events.push(...reader.push(input.subarray(at, end)));
      at = end;
    }
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
    checkStays(reader, error);
    return { events, error: error.message };
  }
  return { events, error: undefined };
}

/** A push that fails gives no events, also not those that were whole before the error: only the error is compared then. */
function isSame(one: Outcome, other: Outcome): boolean {
  return one.error === other.error && (one.error !== undefined || isDeepStrictEqual(one.events, other.events));
}

function checkStays(reader: FragmentReader, first: MediaError): void {
  try {
    reader.push(Uint8Array.of(0));
  } catch (error) {
    if (error === first) return;
  }
  throw new Error('a reader that failed did not fail again');
}

function run(input: Uint8Array): boolean {
  const random = new Random(input.length ^ (input[input.length >>> 1] ?? 0));
  const longest = random.pick([20, 200, 400, 700]);
  const pieces = read(input, () => 1 + random.below(longest));
  const whole = read(input, () => input.length);
  if (!isSame(whole, pieces)) throw new Error('the chunks made a difference');
  if (pieces.error !== undefined) throw new MediaError('rejected', 0, pieces.error);
  return pieces.events.length > 0;
}

export const target: FuzzTarget = { name: 'reader', files: ['mp4/reader.ts'], shape: 'boxes', seeds: [], run };
