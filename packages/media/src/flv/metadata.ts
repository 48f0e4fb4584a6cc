/** Reads the numbers and flags of `onMetaData`, an AMF0 script message: what a publisher says of its stream before it sends it. */

/** Values of the first object in the message; strings and nested values are passed over. */
export type StreamMetadata = ReadonlyMap<string, number | boolean>;

/** No encoder sends more; the rest is not read. */
export const MAX_METADATA_FIELDS = 128;

const NUMBER = 0;
const BOOLEAN = 1;
const STRING = 2;
const OBJECT = 3;
const NULL = 5;
const UNDEFINED = 6;
const ECMA_ARRAY = 8;

/** A byte order mark is a character of a name like any other. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * Reads `"onMetaData" {…}`, with or without `"@setDataFrame"` before it (AMF0 specification §2).
 * What cannot be read ends the reading: the fields so far are returned, none of it is ever thrown.
 */
export function readMetadata(body: Uint8Array): StreamMetadata {
  const fields = new Map<string, number | boolean>();
  const cursor: Cursor = { view: new DataView(body.buffer, body.byteOffset, body.length), at: 0 };
  while (cursor.at < body.length) {
    const marker = cursor.view.getUint8(cursor.at);
    if (marker === OBJECT || marker === ECMA_ARRAY) {
      cursor.at += marker === OBJECT ? 1 : 5;
      readFields(cursor, fields);
      return fields;
    }
    if (readScalar(cursor) === undefined) return fields;
  }
  return fields;
}

interface Cursor {
  readonly view: DataView;
  at: number;
}

function readFields(cursor: Cursor, fields: Map<string, number | boolean>): void {
  while (fields.size < MAX_METADATA_FIELDS) {
    const name = readText(cursor);
    // An empty name is the end marker's (§2.11).
    if (name === undefined || name === '') return;
    const value = readScalar(cursor);
    if (value === undefined) return;
    if (value !== null) fields.set(name, value);
  }
}

/** @returns null for a value of no interest, undefined where reading must stop */
function readScalar(cursor: Cursor): number | boolean | null | undefined {
  const { view } = cursor;
  const left = view.byteLength - cursor.at;
  if (left < 1) return undefined;
  const marker = view.getUint8(cursor.at);
  cursor.at += 1;
  switch (marker) {
    case NUMBER:
      if (left < 9) return undefined;
      cursor.at += 8;
      return view.getFloat64(cursor.at - 8);
    case BOOLEAN:
      if (left < 2) return undefined;
      cursor.at += 1;
      return view.getUint8(cursor.at - 1) !== 0;
    case STRING:
      return readText(cursor) === undefined ? undefined : null;
    case NULL:
    case UNDEFINED:
      return null;
    default:
      return undefined;
  }
}

function readText(cursor: Cursor): string | undefined {
  const { view, at } = cursor;
  if (view.byteLength - at < 2) return undefined;
  const length = view.getUint16(at);
  if (view.byteLength - at - 2 < length) return undefined;
  cursor.at = at + 2 + length;
  return decoder.decode(new Uint8Array(view.buffer, view.byteOffset + at + 2, length));
}
