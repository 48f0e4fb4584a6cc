/** Where the boxes of a seed are, so that a mutation can take one apart and put the sizes around it right again. */

export interface BoxSpan {
  readonly start: number;
  readonly end: number;
  /** offsets of the size fields of the boxes around it */
  readonly ancestors: readonly number[];
}

const HEADER_BYTES = 8;

/** Bytes of fields between a container's header and its first child. */
const FIELD_BYTES: ReadonlyMap<string, number> = new Map([
  ...['moov', 'trak', 'mdia', 'minf', 'stbl', 'edts', 'mvex', 'dinf', 'moof', 'traf'].map((type): [string, number] => [
    type,
    0,
  ]),
  ['stsd', 8],
  ['avc1', 78],
  ['mp4a', 28],
]);

/** Every box of a valid input, outer ones first. */
export function findBoxes(bytes: Uint8Array): BoxSpan[] {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const found: BoxSpan[] = [];
  collect(view, { start: 0, end: bytes.length, ancestors: [] }, found);
  return found;
}

function collect(view: Buffer, within: BoxSpan, found: BoxSpan[]): void {
  let at = within.start;
  while (at + HEADER_BYTES <= within.end) {
    const size = view.readUInt32BE(at);
    if (size < HEADER_BYTES || at + size > within.end) return;
    const span = { start: at, end: at + size, ancestors: within.ancestors };
    found.push(span);
    const fieldBytes = FIELD_BYTES.get(view.toString('latin1', at + 4, at + 8));
    if (fieldBytes !== undefined) {
      collect(view, { ...span, start: at + HEADER_BYTES + fieldBytes, ancestors: [...span.ancestors, at] }, found);
    }
    at += size;
  }
}

/** Adds to the size fields of the boxes around a place where bytes came or went. */
export function growAncestors(bytes: Uint8Array, span: BoxSpan, growth: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (const at of span.ancestors) view.setUint32(at, view.getUint32(at) + growth);
}
