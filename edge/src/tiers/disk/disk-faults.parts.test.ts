import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, suite, test } from 'node:test';
import { ManualClock } from '@headwater/service/clock';
import { DiskStore } from './disk-store.ts';
import { faultyFiles } from './faulty-files.ts';
import type { FileLayer } from './file-layer.ts';
import type { QueuedRecord } from './write-queue.ts';

const MIB = 1024 * 1024;
const root = await mkdtemp(join(tmpdir(), 'headwater-faults-'));
after(() => rm(root, { recursive: true }));
const opened: DiskStore[] = [];
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
});

interface Opened {
  readonly files?: FileLayer;
  readonly clock?: ManualClock;
  readonly limitBytes?: number;
}

async function open(directory: string, { limitBytes = 64 * MIB, clock = new ManualClock(0), ...rest }: Opened = {}) {
  const store = await DiskStore.open({ directory, limitBytes, clock, random: () => 0.5, ...rest });
  opened.push(store);
  return store;
}

function record(name: string, bytes = MIB): QueuedRecord {
  return { name, payload: Buffer.alloc(bytes, name), offset: 0, isEntry: false };
}

async function has(store: DiskStore, name: string): Promise<boolean> {
  const found = await store.get(name);
  assert.ok(found === undefined || found.payload.equals(record(name, found.payload.length).payload), name);
  return found !== undefined;
}

async function fill(store: DiskStore, prefix: string, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    store.put(record(`${prefix}${index}`));
    if (index % 4 === 3) await store.settled();
  }
  await store.settled();
}

suite('a disk with faults', () => {
  test('a record that cannot be read is dropped, counted, and not asked for again', async () => {
    const files = faultyFiles();
    const store = await open(join(root, 'eio-read'), { files });
    await fill(store, 'r', 2);
    files.fault = (operation) => (operation === 'read' ? 'EIO' : null);
    assert.equal(await has(store, 'r0'), false);
    files.fault = () => null;
    assert.equal(await has(store, 'r0'), false);
    assert.equal(await has(store, 'r1'), true);
    assert.equal(store.counters.readErrors, 1);
  });

  test('while writing fails nothing is stored, nothing old is given, and writing is tried again after a while', async () => {
    const files = faultyFiles();
    const clock = new ManualClock(0);
    const store = await open(join(root, 'eio-write'), { files, clock });
    store.put(record('replaced', 10));
    await fill(store, 'before', 2);
    let tries = 0;
    files.fault = (operation) => (operation === 'write' && (tries += 1) > 0 ? 'EIO' : null);
    store.put(record('replaced', 20));
    await fill(store, 'during', 20);
    assert.equal(await store.get('replaced'), undefined);
    assert.equal(await has(store, 'during0'), false);
    assert.equal(await has(store, 'before1'), true);
    assert.equal(store.counters.writesDropped, 21);
    assert.ok(tries <= 3, `${tries} tries`);
    files.fault = () => null;
    clock.advance(60_001);
    await fill(store, 'after', 4);
    assert.equal(await has(store, 'after3'), true);
  });

  test('what was half written by a failing disk is not there after a restart', async () => {
    const files = faultyFiles();
    const directory = join(root, 'half');
    const store = await open(directory, { files });
    await fill(store, 'before', 2);
    files.fault = (operation, path) => (operation === 'write' && path.endsWith('.index') ? 'EIO' : null);
    await fill(store, 'during', 2);
    await store.close();
    const again = await open(directory);
    assert.deepEqual([await has(again, 'before1'), await has(again, 'during0')], [true, false]);
    assert.equal(again.records, 2);
  });

  test('a file system that is full makes it smaller, and it goes on; when there is room again it grows again', async () => {
    const files = faultyFiles();
    const clock = new ManualClock(0);
    const store = await open(join(root, 'full'), { files, clock });
    files.fault = (operation) => (operation === 'write' && store.usedBytes > 20 * MIB ? 'ENOSPC' : null);
    await fill(store, 'f', 200);
    assert.ok(store.counters.fullErrors > 0);
    assert.ok(store.usedBytes <= 24.1 * MIB && store.usedBytes > 8 * MIB, `${store.usedBytes}`);
    assert.equal(await has(store, 'f199'), true);
    assert.ok(store.counters.writesDropped < 100, `${store.counters.writesDropped} of 200`);
    files.fault = () => null;
    clock.advance(60_001);
    await fill(store, 'g', 60);
    assert.ok(store.usedBytes > 40 * MIB, `${store.usedBytes}`);
  });

  test('with a file system that has no room at all it serves nothing and does no harm', async () => {
    const files = faultyFiles();
    files.fault = (operation) => (operation === 'write' ? 'ENOSPC' : null);
    const store = await open(join(root, 'no-room'), { files });
    await fill(store, 'f', 40);
    assert.equal(await has(store, 'f39'), false);
    assert.deepEqual([store.records, store.counters.writesDropped], [0, 40]);
    assert.ok(store.counters.writeErrors <= 2);
  });

  test('for a slow disk no more than a bound is queued; what is queued is served; the rest is dropped', async () => {
    const files = faultyFiles();
    const store = await open(join(root, 'slow'), { files });
    const { promise: hung, resolve: goOn } = Promise.withResolvers<void>();
    files.fault = (operation) => (operation === 'write' ? hung : null);
    const turn = performance.now();
    for (let index = 0; index < 100; index += 1) store.put(record(`q${index}`));
    assert.ok(performance.now() - turn < 500, 'putting does not wait for the disk');
    assert.ok(store.queuedBytes <= 32 * MIB && store.queuedBytes > 31 * MIB, `${store.queuedBytes}`);
    assert.equal(store.counters.writesDropped, 69);
    assert.equal(await has(store, 'q0'), true);
    assert.equal(await has(store, 'q99'), false);
    goOn();
    await store.settled();
    assert.deepEqual([store.queuedBytes, store.records], [0, 31]);
  });

  test('a reading that hangs keeps nobody waiting, and no more than a bound hang at once', async () => {
    const files = faultyFiles();
    const store = await open(join(root, 'hung'), { files });
    for (let index = 0; index < 65; index += 1) store.put(record(`h${index}`, 100));
    await store.settled();
    const { promise: hung, resolve: goOn } = Promise.withResolvers<void>();
    files.fault = (operation) => (operation === 'read' ? hung : null);
    const reads = Array.from({ length: 64 }, (_, index) => has(store, `h${index}`));
    assert.equal(store.get('h64'), undefined, 'one too many');
    assert.equal(store.counters.readsRefused, 1);
    assert.ok((await Promise.all(reads)).every((found) => !found));
    assert.equal(store.get('h64'), undefined, 'the first ones hang on');
    files.fault = () => null;
    goOn();
    while (!(await has(store, 'h0'))) await new Promise(setImmediate);
  });

  test('all is dropped at once, even while a slow disk is given ever more to write', async () => {
    const files = faultyFiles();
    const store = await open(join(root, 'cleared'), { files });
    await fill(store, 'old', 4);
    let writes = 0;
    files.fault = (operation) => {
      if (operation === 'write' && (writes += 1) < 400) store.put(record(`new${writes}`, 100));
      return null;
    };
    store.put(record('queued'));
    const reading = has(store, 'old0');
    const cleared = store.clear();
    for (const name of ['old1', 'queued']) assert.equal(store.get(name), undefined, name);
    store.put(record('after'));
    await cleared;
    assert.ok(writes < 20, `${writes} writes`);
    assert.equal(await reading, false);
    for (const name of ['old0', 'old3', 'queued']) assert.equal(await has(store, name), false, name);
    await store.settled();
    assert.equal(await has(store, 'after'), true);
  });

  test('a volume of which it cannot be said what is dead serves on, and goes in the next sweep', async () => {
    const files = faultyFiles();
    const directory = join(root, 'unmarked');
    const store = await open(directory, { files });
    await fill(store, 'v', 3);
    files.fault = (operation, path) => (operation === 'write' && path.endsWith('.index') ? 'EIO' : null);
    store.drop('v0');
    await store.settled();
    files.fault = () => null;
    assert.deepEqual([await has(store, 'v0'), await has(store, 'v1')], [false, true]);
    await store.sweep(() => true);
    assert.deepEqual([store.records, store.unremoved], [0, 0]);
    await fill(store, 'next', 1);
    await store.close();
    const again = await open(directory);
    assert.deepEqual([await has(again, 'v0'), await has(again, 'next0')], [false, true]);
  });

  test('files that cannot be removed are counted: what was in them may be there again', async () => {
    const files = faultyFiles();
    const store = await open(join(root, 'unremovable'), { files });
    await fill(store, 'u', 4);
    files.fault = (operation) => (operation === 'remove' || operation === 'truncate' ? 'EIO' : null);
    await store.clear();
    assert.equal(store.records, 0);
    assert.ok(store.unremoved > 0);
  });
});

suite('a real file system that is full', () => {
  const mountPoint = join(root, 'mount');
  const size = 24 * MIB;
  const mounted = spawnSync('sh', [
    '-c',
    `mkdir -p ${mountPoint} && mount -t tmpfs -o size=${size} none ${mountPoint}`,
  ]);
  const why = mounted.status === 0 ? null : `no tmpfs may be mounted here: ${mounted.stderr.toString().trim()}`;
  after(() => {
    if (why === null) spawnSync('umount', [mountPoint]);
  });

  test('it goes on within the space that there is, and all that it gives is right', async (context) => {
    if (why !== null) return context.skip(why);
    const store = await open(join(mountPoint, 'cache'), { limitBytes: 256 * MIB });
    await fill(store, 'f', 120);
    assert.ok(store.counters.fullErrors > 0);
    assert.ok(store.usedBytes <= size && store.usedBytes > size / 4, `${store.usedBytes}`);
    assert.equal(await has(store, 'f119'), true);
    await store.close();
    const again = await open(join(mountPoint, 'cache'), { limitBytes: 256 * MIB });
    assert.equal(await has(again, 'f119'), true);
    for (let index = 0; index < 120; index += 1) await has(again, `f${index}`);
    assert.equal(again.counters.corrupt, 0);
  });
});
