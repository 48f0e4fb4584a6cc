import { test } from 'node:test';
import { assertRoundTrip, box, parsed } from '../../fixtures/box-bytes.ts';
import { assertMediaError } from '../../fixtures/media-error.ts';
import { parseHandler, writeHandler } from './box-hdlr.ts';

test('hdlr round-trips', () => {
  assertRoundTrip('video', writeHandler, parseHandler);
  assertRoundTrip('audio', writeHandler, parseHandler);
});

test('hdlr of something else, or cut short', () => {
  assertMediaError(() => parsed(box('hdlr', '00000000 00000000 74657874'), parseHandler), 'handler_unsupported', 16);
  assertMediaError(() => parsed(box('hdlr', '00000000 00000000 7669'), parseHandler), 'truncated', 16);
});
