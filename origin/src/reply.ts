/** Writes answers: whole ones with their length, growing ones as they come. */

import type { ServerResponse } from 'node:http';

const REST = /^bytes=(\d{1,15})-$/;

/** Sends bytes whose length is known, or from `Range: bytes=N-` on what is left of them (RFC 9110 §14.2). */
export function sendBytes(
  response: ServerResponse,
  pieces: readonly Uint8Array[],
  headers: Record<string, string>,
): void {
  const totalBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const from = REST.exec(response.req.headers.range ?? '')?.[1];
  const firstByte = from === undefined || headers['accept-ranges'] === undefined ? 0 : Number(from);
  if (firstByte >= totalBytes && firstByte > 0) {
    response.writeHead(416, { 'content-range': `bytes */${totalBytes}`, 'content-length': '0' }).end();
    return;
  }
  const range = firstByte > 0 ? { 'content-range': `bytes ${firstByte}-${totalBytes - 1}/${totalBytes}` } : {};
  response.writeHead(firstByte > 0 ? 206 : 200, {
    ...headers,
    ...range,
    'content-length': String(totalBytes - firstByte),
  });
  if (response.req.method !== 'HEAD') {
    let toSkip = firstByte;
    for (const piece of pieces) {
      // Not awaited: the pieces are the window's own memory, which this answer only points to.
      if (toSkip < piece.length) response.write(piece.subarray(toSkip));
      toSkip = Math.max(0, toSkip - piece.length);
    }
  }
  response.end();
}

/**
 * Sends pieces as they come, no faster than they are read. When the source throws, the connection is cut: an answer never ends
 * short.
 * @returns how many bytes were sent
 */
export async function sendGrowing(
  response: ServerResponse,
  headers: Record<string, string>,
  pieces: AsyncIterable<Uint8Array>,
): Promise<number> {
  let bytes = 0;
  response.writeHead(200, headers);
  if (response.req.method === 'HEAD') {
    response.end();
    return bytes;
  }
  try {
    for await (const piece of pieces) {
      bytes += piece.length;
      if (!response.write(piece)) await drained(response);
      if (response.destroyed) break;
    }
    response.end();
  } catch {
    // The status is out already: only the missing end of the body can tell the reader.
    response.destroy();
  }
  return bytes;
}

async function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  response.once('drain', resolve).once('close', resolve);
  await promise;
  response.off('drain', resolve).off('close', resolve);
}
