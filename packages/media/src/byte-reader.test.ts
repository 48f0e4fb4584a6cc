import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertMediaError } from '../fixtures/media-error.ts';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';

test('every field that the writer writes, the reader reads', () => {
  const writer = new ByteWriter(64);
  writer.u8(0xff);
  writer.u16(0xffff);
  writer.u24(0xff_ffff);
  writer.u32(0xffff_ffff);
  writer.i32(-0x8000_0000);
  writer.i64(Number.MAX_SAFE_INTEGER);
  writer.i64(-1024);
  writer.put(Uint8Array.of(1, 2));
  writer.zeros(1);
  writer.ascii('é');
  const reader = new ByteReader(writer.done());
  assert.equal(reader.u8(), 0xff);
  assert.equal(reader.u16(), 0xffff);
  assert.equal(reader.u24(), 0xff_ffff);
  assert.equal(reader.u32(), 0xffff_ffff);
  assert.equal(reader.i32(), -0x8000_0000);
  assert.equal(reader.i64(), Number.MAX_SAFE_INTEGER);
  assert.equal(reader.i64(), -1024);
  assert.deepEqual([...reader.take(2)], [1, 2]);
  reader.skip(1);
  assert.equal(reader.u8(), 0xe9);
  assert.equal(reader.left, 0);
});

test('a read past the end says where, and moves nothing', () => {
  const reader = new ByteReader(new Uint8Array(16), 4, 7);
  assertMediaError(() => reader.u32(), 'truncated', 4);
  assertMediaError(() => reader.take(4), 'truncated', 4);
  assert.equal(reader.u24(), 0);
  assertMediaError(() => reader.u8(), 'truncated', 7);
});

test('64 bits are exact or refused', () => {
  const bytes = (high: number, low: number): ByteReader => {
    const view = new DataView(new ArrayBuffer(8));
    view.setUint32(0, high);
    view.setUint32(4, low);
    return new ByteReader(new Uint8Array(view.buffer));
  };
  assert.equal(bytes(0x1f_ffff, 0xffff_ffff).i64(), 2 ** 53 - 1);
  assertMediaError(() => bytes(0x20_0000, 0).i64(), 'integer_unsafe', 0);
  assert.equal(bytes(0xffff_ffff, 0xffff_fc00).i64(), -1024);
});

test('a value that its field cannot hold is refused', () => {
  const writer = new ByteWriter(8);
  assertMediaError(() => writer.u8(256), 'field_range');
  assertMediaError(() => writer.u16(-1), 'field_range');
  assertMediaError(() => writer.u24(0x100_0000), 'field_range');
  assertMediaError(() => writer.u32(2 ** 32), 'field_range');
  assertMediaError(() => writer.i32(2 ** 31), 'field_range');
  assertMediaError(() => writer.i64(2 ** 53), 'field_range');
  assertMediaError(() => writer.u32(1.5), 'field_range');
  assert.equal(writer.position, 0);
});

test('a capacity that was counted wrong does not go unseen', () => {
  const writer = new ByteWriter(3);
  writer.u32(1);
  assert.throws(() => writer.done(), RangeError);
});
