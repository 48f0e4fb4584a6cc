/** Bodies that say of every byte whose it is: which place, version and variant, and where in it. */

const LINE_BYTES = 48;

const CACHE_LIMIT_BYTES = 64 * 1024 * 1024;
let madeBytes = 0;
const made = new Map<string, Buffer>();

/** Which body it is. */
export interface BodyName {
  readonly place: string;
  readonly version: number;
  readonly variant: string;
  readonly lengthBytes: number;
}

/** The whole body. */
export function bodyOf({ place, version, variant, lengthBytes }: BodyName): Buffer {
  const name = `${place} v${version} ${variant} `;
  const key = `${name}${lengthBytes}`;
  const known = made.get(key);
  if (known !== undefined) return known;
  const body = Buffer.alloc(lengthBytes);
  for (let at = 0; at < lengthBytes; at += LINE_BYTES) {
    const line = `${name}@${at}`.slice(0, LINE_BYTES - 1).padEnd(LINE_BYTES - 1, '.');
    body.write(`${line}\n`, at, 'latin1');
  }
  if (madeBytes + lengthBytes > CACHE_LIMIT_BYTES) {
    made.clear();
    madeBytes = 0;
  }
  made.set(key, body);
  madeBytes += lengthBytes;
  return body;
}
