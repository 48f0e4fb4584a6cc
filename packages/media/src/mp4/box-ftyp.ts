/** ftyp and styp: what a file or a segment conforms to (ISO/IEC 14496-12 §4.3, §8.16.2). */
import { ByteReader } from '../byte-reader.ts';
import type { ByteWriter } from '../byte-writer.ts';
import { MediaError } from '../media-error.ts';
import { fourCC, fourCCText, type Box } from './box.ts';

export const FTYP = fourCC('ftyp');
export const STYP = fourCC('styp');

/** More compatible brands than this are an error. */
export const BRAND_LIMIT = 64;

export interface FileType {
  readonly majorBrand: string;
  readonly minorVersion: number;
  readonly brands: readonly string[];
}

/** A CMAF header and a CMAF segment (ISO/IEC 23000-19 §7.2, §7.3.1): cmf2 because of trun version 1. */
export const CMAF_HEADER_TYPE: FileType = { majorBrand: 'cmf2', minorVersion: 0, brands: ['iso6', 'cmfc', 'cmf2'] };
export const CMAF_SEGMENT_TYPE: FileType = { majorBrand: 'msdh', minorVersion: 0, brands: ['msdh', 'cmfs'] };

/** @throws MediaError `brand_count`, `truncated` */
export function parseFileType(bytes: Uint8Array, box: Box): FileType {
  const reader = new ByteReader(bytes, box.body, box.end);
  const majorBrand = fourCCText(reader.u32());
  const minorVersion = reader.u32();
  const count = Math.ceil(reader.left / 4);
  if (count > BRAND_LIMIT) throw new MediaError('brand_count', reader.position, `${count} brands`);
  const brands: string[] = [];
  for (let index = 0; index < count; index += 1) brands.push(fourCCText(reader.u32()));
  return { majorBrand, minorVersion, brands };
}

/** Size of what {@link writeFileType} writes. */
export function fileTypeBytes(fileType: FileType): number {
  return 16 + 4 * fileType.brands.length;
}

/** @throws MediaError `field_range` for a brand that is not four characters, or too many of them */
export function writeFileType(writer: ByteWriter, box: 'ftyp' | 'styp', fileType: FileType): void {
  const { majorBrand, minorVersion, brands } = fileType;
  if (brands.length > BRAND_LIMIT) throw new MediaError('field_range', writer.position, `${brands.length} brands`);
  const start = writer.open(box);
  writeBrand(writer, majorBrand);
  writer.u32(minorVersion);
  for (const brand of brands) writeBrand(writer, brand);
  writer.close(start);
}

function writeBrand(writer: ByteWriter, brand: string): void {
  if (brand.length !== 4) throw new MediaError('field_range', writer.position, `a brand "${brand}"`);
  writer.ascii(brand);
}
