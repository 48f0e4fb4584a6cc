/** A handler for tests that writes down what it hears, and fails when it hears what it must not. */

import assert from 'node:assert/strict';
import type { UpstreamError } from './upstream-error.ts';
import type { FieldList } from '../http-cache/fields.ts';
import type { UpstreamFetch, UpstreamHead, UpstreamHandler } from './upstream-handler.ts';

export interface Heard {
  readonly interims: { readonly status: number; readonly fields: FieldList }[];
  head: UpstreamHead | null;
  body: Buffer;
  trailers: FieldList | null;
  error: UpstreamError | null;
}

/** Runs a fetch to its end. */
export async function record(
  fetch: (handler: UpstreamHandler) => UpstreamFetch,
  onChunk: (chunk: Buffer, heard: Heard, fetching: UpstreamFetch) => boolean = () => true,
): Promise<Heard> {
  const heard: Heard = { interims: [], head: null, body: Buffer.alloc(0), trailers: null, error: null };
  const { promise, resolve } = Promise.withResolvers<void>();
  let isOver = false;
  const open = (): void => assert.equal(isOver, false, 'nothing comes after the end');
  const fetching: UpstreamFetch = fetch({
    onInformation(status, fields) {
      open();
      assert.equal(heard.head, null, 'interim responses come before the head');
      heard.interims.push({ status, fields });
    },
    onHead(head) {
      open();
      assert.equal(heard.head, null, 'one head');
      heard.head = head;
    },
    onData(chunk) {
      open();
      assert.notEqual(heard.head, null, 'the head comes first');
      heard.body = Buffer.concat([heard.body, chunk]);
      return onChunk(chunk, heard, fetching);
    },
    onEnd(trailers) {
      open();
      isOver = true;
      heard.trailers = trailers;
      resolve();
    },
    onError(error) {
      open();
      isOver = true;
      heard.error = error;
      resolve();
    },
  });
  await promise;
  return heard;
}
