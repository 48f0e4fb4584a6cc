/**
 * Box headers and the walk over boxes (ISO/IEC 14496-12 §4.2). A parser descends only into boxes that it knows, so nesting is
 * bounded by the code; counts and sizes are bounded by the limits here and in `reader.ts`.
 */
import { ByteReader } from '../byte-reader.ts';
import type { ByteWriter } from '../byte-writer.ts';
import { MediaError } from '../media-error.ts';

/** More boxes than this in one container are an error. */
export const CHILD_LIMIT = 256;

/** Where a box stands, as offsets into the bytes that it was read from. */
export interface Box {
  /** the four characters as a number: see {@link fourCC} */
  readonly type: number;
  readonly start: number;
  /** first byte after size and type */
  readonly body: number;
  readonly end: number;
}

export function fourCC(text: string): number {
  return (
    ((text.charCodeAt(0) << 24) | (text.charCodeAt(1) << 16) | (text.charCodeAt(2) << 8) | text.charCodeAt(3)) >>> 0
  );
}

/** The four characters for a message; what is not printable shows as `?`. */
export function fourCCText(type: number): string {
  return String.fromCharCode(type >>> 24, (type >>> 16) & 255, (type >>> 8) & 255, type & 255).replace(
    /[^\x20-\x7e]/g,
    '?',
  );
}

/** Bytes that say a box's size and type: 8, or 16 with a 64-bit size. */
export const SHORT_HEADER_BYTES = 8;
export const LONG_HEADER_BYTES = 16;

/**
 * The header of the box at `at`, without a look at whether its end is there.
 * @throws MediaError `truncated`, or `box_size` for a size below the header's own; size 0 ("to the end of the file") is not used in
 * fragments and is refused too
 */
export function readBoxHeader(bytes: Uint8Array, at: number, limit: number): Box {
  const reader = new ByteReader(bytes, at, limit);
  let size = reader.u32();
  const type = reader.u32();
  if (size === 1) size = reader.i64();
  const body = reader.position;
  if (at + size < body) {
    throw new MediaError('box_size', at, `box ${fourCCText(type)} says it has ${size} bytes`);
  }
  return { type, start: at, body, end: at + size };
}

/** The box at `at`, whole. @throws MediaError also `box_truncated` when it runs over `limit` */
export function readBox(bytes: Uint8Array, at: number, limit: number): Box {
  const box = readBoxHeader(bytes, at, limit);
  if (box.end > limit) {
    throw new MediaError('box_truncated', at, `box ${fourCCText(box.type)} ends ${box.end - limit} bytes too late`);
  }
  return box;
}

/** The boxes in a container, from `from` (its body, or further on where fields stand first) to its end. */
export function childBoxes(bytes: Uint8Array, container: Box, from = container.body): Box[] {
  const children: Box[] = [];
  let at = from;
  while (at < container.end) {
    if (children.length === CHILD_LIMIT) {
      throw new MediaError('box_count', at, `more than ${CHILD_LIMIT} boxes in ${fourCCText(container.type)}`);
    }
    const box = readBox(bytes, at, container.end);
    children.push(box);
    at = box.end;
  }
  return children;
}

/** The only box of a type. @throws MediaError `box_missing`, or `box_repeated` */
export function onlyBox(children: readonly Box[], type: number, container: Box): Box {
  const box = optionalBox(children, type);
  if (box === undefined) {
    throw new MediaError('box_missing', container.start, `${fourCCText(container.type)} has no ${fourCCText(type)}`);
  }
  return box;
}

/** The only box of a type, where one is there. @throws MediaError `box_repeated` */
export function optionalBox(children: readonly Box[], type: number): Box | undefined {
  let found: Box | undefined;
  for (const box of children) {
    if (box.type !== type) continue;
    if (found !== undefined) throw new MediaError('box_repeated', box.start, `a second ${fourCCText(type)}`);
    found = box;
  }
  return found;
}

/** Version and flags of a full box, and a reader that stands behind them. */
export interface FullBox {
  readonly version: number;
  readonly flags: number;
  readonly reader: ByteReader;
}

/** @throws MediaError `box_version` above `highestVersion` */
export function openFullBox(bytes: Uint8Array, box: Box, highestVersion: number): FullBox {
  const reader = new ByteReader(bytes, box.body, box.end);
  const word = reader.u32();
  const version = word >>> 24;
  if (version > highestVersion) {
    throw new MediaError('box_version', box.body, `${fourCCText(box.type)} of version ${version}`);
  }
  return { version, flags: word & 0xff_ffff, reader };
}

/** A container around what `content` writes. */
export function writeContainer(writer: ByteWriter, type: string, content: () => void): void {
  const start = writer.open(type);
  content();
  writer.close(start);
}
