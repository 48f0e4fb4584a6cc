/** Requests off a connection, as the origin's wire brings them. */

import type { FieldMap } from './exchange.ts';

export interface RawRequest {
  readonly method: string;
  readonly path: string;
  readonly fields: FieldMap;
  readonly body: string;
}

const HEAD_END = '\r\n\r\n';

/** Collects bytes until requests are whole. */
export class RequestReader {
  #bytes: Buffer = Buffer.alloc(0);

  /** The requests that these bytes complete. */
  push(chunk: Buffer): RawRequest[] {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    const requests: RawRequest[] = [];
    for (;;) {
      const request = this.#take();
      if (request === null) return requests;
      requests.push(request);
    }
  }

  #take(): RawRequest | null {
    const end = this.#bytes.indexOf(HEAD_END);
    if (end < 0) return null;
    const [line = '', ...lines] = this.#bytes.subarray(0, end).toString('latin1').split('\r\n');
    const [method = '', path = ''] = line.split(' ');
    const fields = new Map<string, string>();
    for (const text of lines) {
      const colon = text.indexOf(':');
      const name = text.slice(0, colon).toLowerCase();
      const value = text.slice(colon + 1).trim();
      const before = fields.get(name);
      fields.set(name, before === undefined ? value : `${before}, ${value}`);
    }
    const rest = this.#bytes.subarray(end + HEAD_END.length);
    const read = fields.get('transfer-encoding') === undefined ? readLength(rest, fields) : readChunks(rest);
    if (read === null) return null;
    this.#bytes = Buffer.from(rest.subarray(read.took));
    return { method, path, fields, body: read.body };
  }
}

interface Read {
  readonly body: string;
  readonly took: number;
}

function readLength(bytes: Buffer, fields: FieldMap): Read | null {
  const length = Number(fields.get('content-length') ?? 0);
  return bytes.length < length ? null : { body: bytes.subarray(0, length).toString('latin1'), took: length };
}

function readChunks(bytes: Buffer): Read | null {
  let body = '';
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return null;
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    const next = lineEnd + 2 + size + 2;
    if (bytes.length < next) return null;
    if (size === 0) return { body, took: next };
    body += bytes.toString('latin1', lineEnd + 2, lineEnd + 2 + size);
    at = next;
  }
}
