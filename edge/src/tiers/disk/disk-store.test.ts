import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, suite, test } from 'node:test';
import { seeded } from '@headwater/protocol/test-random';
import { ManualClock } from '@headwater/service/clock';
import { DiskStore } from './disk-store.ts';
import { type FileLayer, nodeFiles } from './file-layer.ts';
import { encodeIndexBlock } from './index-block.ts';
import type { QueuedRecord } from './write-queue.ts';

const MIB = 1024 * 1024;
const root = await mkdtemp(join(tmpdir(), 'headwater-disk-'));
after(() => rm(root, { recursive: true }));
const opened: DiskStore[] = [];
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
});
let directories = 0;

function newDirectory(): string {
  directories += 1;
  return join(root, String(directories));
}

interface Opened {
  readonly limitBytes?: number;
  readonly files?: FileLayer;
  readonly clock?: ManualClock;
}

async function open(directory: string, { limitBytes = 64 * MIB, clock = new ManualClock(0), ...rest }: Opened = {}) {
  const store = await DiskStore.open({ directory, limitBytes, clock, random: () => 0.5, ...rest });
  opened.push(store);
  return store;
}

function record(name: string, bytes: number | Buffer, isEntry = false): QueuedRecord {
  const payload = typeof bytes === 'number' ? contentOf(name, bytes) : bytes;
  return { name, payload, offset: 0, isEntry };
}

/** Bytes that tell their name. */
function contentOf(name: string, bytes: number): Buffer {
  return Buffer.alloc(bytes, `${name};`);
}

async function reads(store: DiskStore, name: string, bytes: number): Promise<boolean> {
  const found = await store.get(name);
  if (found === undefined) return false;
  assert.ok(found.payload.equals(contentOf(name, bytes)), `${name} has other bytes`);
  return true;
}

suite('disk store', () => {
  test('gives what was put: from the queue at once, from the files, and after a restart', async () => {
    const directory = newDirectory();
    const store = await open(directory);
    store.put({ ...record('small', 10), offset: 77 });
    store.put(record('slice', MIB));
    store.put(record('entry', 0, true));
    assert.ok(!(store.get('small') instanceof Promise));
    await store.settled();
    assert.equal(store.queuedBytes, 0);
    const check = async (checked: DiskStore, hits: number): Promise<void> => {
      assert.deepEqual((await checked.get('small'))?.offset, 77);
      assert.ok(await reads(checked, 'small', 10));
      assert.ok(await reads(checked, 'slice', MIB));
      assert.ok(await reads(checked, 'entry', 0));
      assert.deepEqual([checked.records, checked.entries, checked.counters.hits], [3, 1, hits]);
    };
    await check(store, 5);
    await check(await reopen(store, directory), 4);
  });

  test('what was replaced or dropped does not come back, wherever it was', async () => {
    const directory = newDirectory();
    let store = await open(directory);
    store.put(record('replaced', Buffer.from('old')));
    store.put(record('dropped', 100));
    store.put(record('same batch', Buffer.from('old')));
    store.put(record('same batch', Buffer.from('new')));
    await store.settled();
    // A start opens a new volume: from here on the old ones are in another.
    store = await reopen(store, directory);
    store.put(record('replaced', Buffer.from('new')));
    store.drop('dropped');
    store.put(record('dropped while queued', 100));
    store.drop('dropped while queued');
    await store.settled();
    for (let round = 0; round < 2; round += 1) {
      store = await reopen(store, directory);
      assert.equal((await store.get('replaced'))?.payload.toString(), 'new');
      assert.equal((await store.get('same batch'))?.payload.toString(), 'new');
      assert.equal(await store.get('dropped'), undefined);
      assert.equal(await store.get('dropped while queued'), undefined);
      assert.equal(store.records, 2);
    }
  });

  test('what is dropped while it is being written does not come back', async () => {
    const directory = newDirectory();
    const store = await open(directory);
    for (let index = 0; index < 200; index += 1) store.put(record(`r${index}`, 20_000));
    while (store.queuedBytes === 200 * 20_000) await Promise.resolve();
    for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
    for (let index = 0; index < 200; index += 2) store.drop(`r${index}`);
    await store.settled();
    const again = await reopen(store, directory);
    for (let index = 0; index < 200; index += 1)
      assert.equal(await reads(again, `r${index}`, 20_000), index % 2 === 1, `r${index}`);
  });

  test('holds no more than its limit; the least used go first; the space of what is dropped comes back', async () => {
    const directory = newDirectory();
    const store = await open(directory, { limitBytes: 32 * MIB });
    for (let index = 0; index < 20; index += 1) store.put(record(`used${index}`, 100_000));
    await store.settled();
    for (let index = 0; index < 120; index += 1) {
      store.put(record(`passing${index}`, MIB));
      await store.settled();
      // Each is used once in the time that it takes to fill the disk anew.
      await store.get(`used${index % 20}`);
      assert.ok((await bytesOf(directory)) <= 32 * MIB, `after ${index}`);
    }
    let kept = 0;
    for (let index = 0; index < 20; index += 1) if (await reads(store, `used${index}`, 100_000)) kept += 1;
    assert.ok(kept >= 18, `${kept} of 20 are left`);
    assert.equal(await store.get('passing0'), undefined);
    assert.ok(await reads(store, 'passing119', MIB));
    for (let index = 0; index < 120; index += 1) store.drop(`passing${index}`);
    await store.settled();
    assert.ok((await bytesOf(directory)) < 10 * MIB, `${await bytesOf(directory)} bytes are left`);
    assert.ok(await reads(store, 'used3', 100_000));
    await store.clear();
    assert.deepEqual([await bytesOf(directory), store.records], [0, 0]);
  });

  test('small records are bounded by number as well', async () => {
    const store = await open(newDirectory(), { limitBytes: 16 * MIB });
    for (let index = 0; index < 40_000; index += 1) {
      store.put(record(`n${index}`, 8));
      if (index % 10_000 === 0) await store.settled();
    }
    await store.settled();
    assert.ok(store.records <= 16 * 1_024, `${store.records}`);
    assert.ok(store.records > 4_000, `${store.records}`);
    assert.ok(store.indexMemoryBytes <= 16 * 1_024 * 16 * 4, `${store.indexMemoryBytes}`);
  });

  test('a record of the largest size is written, a larger one is not, and what it was to replace goes', async () => {
    const store = await open(newDirectory());
    const largest = MIB + 16_384 - 20 - 4;
    store.put(record('fits', largest));
    await store.settled();
    assert.ok(await reads(store, 'fits', largest));
    store.put(record('fits', largest + 1));
    await store.settled();
    assert.equal(await store.get('fits'), undefined);
    assert.equal(store.counters.writesDropped, 1);
  });

  test('a flipped bit costs its record, nothing else', async () => {
    const directory = newDirectory();
    const store = await open(directory);
    for (let index = 0; index < 64; index += 1) store.put(record(`r${index}`, 1_000, index % 2 === 0));
    await store.settled();
    await store.close();
    const random = seeded(11);
    const path = join(directory, (await readdir(directory)).find((name) => name.endsWith('.records')) ?? '');
    const bytes = await readFile(path);
    const at = Math.floor(random() * bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
    await writeFile(path, bytes);
    const again = await open(directory);
    let lost = 0;
    for (let index = 0; index < 64; index += 1) if (!(await reads(again, `r${index}`, 1_000))) lost += 1;
    assert.equal(lost, 1);
    assert.deepEqual([again.counters.corrupt, again.records], [1, 63]);
    assert.equal((await reopen(again, directory)).records, 63);
  });

  test('whatever is in the files, it starts and gives nothing that was not put', async () => {
    const random = seeded(5);
    for (let round = 0; round < 60; round += 1) {
      const directory = newDirectory();
      const store = await open(directory, { limitBytes: 16 * MIB });
      for (let index = 0; index < 50; index += 1) {
        store.put(record(`r${index}`, 500, index % 2 === 0));
        if (index % 10 === 0) await store.settled();
      }
      await store.close();
      for (const name of await readdir(directory)) {
        if (random() < 0.4) continue;
        await writeFile(join(directory, name), mutate(await readFile(join(directory, name)), random));
      }
      const again = await open(directory, { limitBytes: 16 * MIB });
      for (let index = 0; index < 50; index += 1) await reads(again, `r${index}`, 500);
      await again.sweep(({ payload }) => payload.length === 500);
      again.put(record('after', 500));
      await again.settled();
      assert.ok(await reads(await reopen(again, directory), 'after', 500));
    }
  });

  test('what a kill has left of a volume that was being made, or removed, goes at the next start', async () => {
    const directory = newDirectory();
    const store = await open(directory);
    store.put(record('whole', 1_000));
    await store.settled();
    await store.close();
    const [whole = ''] = (await readdir(directory)).filter((name) => name.endsWith('.records'));
    for (const name of ['000000000000.records', '000000000777.records'])
      await writeFile(join(directory, name), Buffer.alloc(MIB));
    const again = await open(directory);
    await again.settled();
    assert.ok(await reads(again, 'whole', 1_000));
    assert.deepEqual((await readdir(directory)).toSorted(), [whole.replace('.records', '.index'), whole]);
  });

  test('a start has no more indices open at once than it may', async () => {
    const directory = newDirectory();
    await mkdir(directory);
    for (let id = 1; id <= 200; id += 1) await writeFile(join(directory, `${String(id).padStart(12, '0')}.index`), '');
    let [reading, most] = [0, 0];
    const files: FileLayer = {
      ...nodeFiles,
      async readWhole(path) {
        reading += 1;
        most = Math.max(most, reading);
        return nodeFiles.readWhole(path).finally(() => (reading -= 1));
      },
    };
    await open(directory, { files });
    assert.equal(most, 64);
  });

  test('a sweep shows every entry once and drops what is not to be kept', async () => {
    const directory = newDirectory();
    const store = await open(directory);
    for (let index = 0; index < 2_000; index += 1) {
      store.put(record(`e${index}`, 300, true));
      store.put(record(`s${index}`, 3_000));
    }
    await store.settled();
    const seen = new Map<string, number>();
    await store.sweep(({ name }) => {
      seen.set(name, (seen.get(name) ?? 0) + 1);
      return name.endsWith('7');
    });
    assert.equal(seen.size, 2_000);
    assert.ok([...seen].every(([name, times]) => name.startsWith('e') && times === 1));
    const again = await reopen(store, directory);
    assert.equal(again.entries, 200);
    assert.ok(await reads(again, 'e17', 300));
    assert.equal(await again.get('e18'), undefined);
  });

  test('a sweep lets others have their turn, however little of what it passes is an entry', async () => {
    const store = await open(newDirectory());
    for (let index = 0; index < 1_000; index += 1) store.put(record(`s${index}`, 10));
    await store.settled();
    assert.ok((await turnsOfSweep(store)) >= 60);
  });

  test('a sweep goes through the index once for many volumes, not for each', async () => {
    const directory = newDirectory();
    await mkdir(directory);
    for (let volume = 1; volume <= 100; volume += 1) {
      const path = join(directory, String(volume).padStart(12, '0'));
      const item = { high: volume, low: volume, offset: 0, length: 64, isEntry: false };
      await writeFile(`${path}.index`, encodeIndexBlock([item], 0));
      await writeFile(`${path}.records`, Buffer.alloc(64));
    }
    const store = await open(directory);
    assert.equal(store.records, 100);
    const turns = await turnsOfSweep(store);
    assert.ok(turns < 1_000, `${turns} turns`);
  });
});

/** How many turns of the event loop others had. */
async function turnsOfSweep(store: DiskStore): Promise<number> {
  let turns = 0;
  let isOver = false;
  const turn = (): void => {
    turns += 1;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  await store.sweep(() => true);
  isOver = true;
  return turns;
}

async function reopen(store: DiskStore, directory: string): Promise<DiskStore> {
  await store.close();
  return open(directory);
}

async function bytesOf(directory: string): Promise<number> {
  const sizes = (await readdir(directory)).map(async (name) => (await stat(join(directory, name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** Something that happens to a file: bits flip, its end is lost, noise is added or takes its place. */
function mutate(bytes: Buffer, random: () => number): Buffer {
  const noise = Buffer.from(Array.from({ length: Math.ceil(random() * 300) }, () => Math.floor(random() * 256)));
  switch (Math.floor(random() * 5)) {
    case 0:
      return bytes.subarray(0, Math.floor(random() * bytes.length));
    case 1:
      return Buffer.concat([bytes, noise]);
    case 2:
      return noise;
    case 3:
      return Buffer.concat([bytes.subarray(0, Math.floor(random() * bytes.length)), noise, bytes]);
    default: {
      const flipped = Buffer.from(bytes);
      for (let flips = 1 + random() * 20; flips > 0; flips -= 1) {
        const at = Math.floor(random() * flipped.length);
        flipped[at] = (flipped[at] ?? 0) ^ (1 << Math.floor(random() * 8));
      }
      return flipped;
    }
  }
}
