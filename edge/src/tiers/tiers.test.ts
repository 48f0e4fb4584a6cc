import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, suite, test } from 'node:test';
import { ManualClock } from '@headwater/service/clock';
import { type FileLayer, nodeFiles } from './disk/file-layer.ts';
import type { TierEntry } from './tier-entry.ts';
import { MOST_RULES, Tiers } from './tiers.ts';

const MIB = 1024 * 1024;
const root = await mkdtemp(join(tmpdir(), 'headwater-tiers-'));
after(() => rm(root, { recursive: true }));
const opened: Tiers<TestEntry, string>[] = [];
afterEach(async () => {
  for (const tiers of opened.splice(0)) await tiers.close();
});

interface TestEntry extends TierEntry {
  /** up to where it was judged */
  seq: number;
  readonly isStale: boolean;
}

interface Opened {
  readonly ramBytes?: number;
  readonly diskBytes?: number;
  readonly files?: FileLayer;
}

/** Rules are tags: what has the tag and is older goes; `soft:TAG` lets it stay under a new number. */
async function open(name: string | null, options: Opened = {}): Promise<Tiers<TestEntry, string>> {
  const { ramBytes = 64 * MIB, diskBytes = 256 * MIB, files = nodeFiles } = options;
  const disk = {
    directory: join(root, name ?? ''),
    limitBytes: diskBytes,
    clock: new ManualClock(0),
    random: () => 0.5,
    files,
  };
  const tiers: Tiers<TestEntry, string> = await Tiers.open<TestEntry, string>({
    ramBytes,
    seed: 1,
    disk: name === null ? null : disk,
    judge: {
      judge: (entry) => judge(entry, tiers),
      isJudgedTo: (entry, sequence) => (entry.seq = Math.max(entry.seq, sequence)),
    },
  });
  opened.push(tiers);
  return tiers;
}

function judge(entry: TestEntry, { rules, sequence }: Tiers<TestEntry, string>): TestEntry | undefined {
  const later = rules.filter((rule) => rule.sequence > entry.seq).map(({ rule }) => rule);
  const tags = entry.variants.flatMap((variant) => variant.tags);
  if (tags.some((tag) => later.includes(tag))) return undefined;
  return tags.some((tag) => later.includes(`soft:${tag}`)) ? { ...entry, seq: sequence, isStale: true } : entry;
}

interface About {
  readonly ids: readonly string[];
  readonly seq?: number;
  readonly tag?: string;
  readonly isStale?: boolean;
}

function entryOf(key: string, { ids, seq = 0, tag = '', isStale = false }: About): TestEntry {
  const about = { head: { fields: ['ETag', '"é€"'] }, lengthBytes: 2 * MIB, tags: [tag] };
  return { key, seq, isStale, variants: ids.map((id) => ({ id, ...about })) };
}

function extent(byte: number, length = MIB): { readonly offset: number; readonly bytes: Buffer } {
  return { offset: 5, bytes: Buffer.alloc(length, byte) };
}

suite('tiers, RAM alone', () => {
  test('gives what was put, at once', async () => {
    const tiers = await open(null);
    const entry = entryOf('k', { ids: ['v1'] });
    tiers.putEntry(entry);
    const second = extent(2, 10);
    tiers.putSlice('v1', 0, extent(1));
    tiers.putSlice('v1', 1, second);
    assert.equal(tiers.entry('k'), entry);
    assert.equal(tiers.slice('v1', 1), second);
    assert.equal(tiers.slice('v1', 2), undefined);
    assert.equal(tiers.entry('v1'), undefined);
  });

  test('a key whose name reads like a slice is told apart from it', async () => {
    const tiers = await open(null);
    tiers.putSlice('v1', 0, extent(1));
    tiers.putEntry(entryOf('0/v1', { ids: ['v2'] }));
    assert.deepEqual(tiers.slice('v1', 0), extent(1));
  });

  test('with an entry its slices go, with a variant that is replaced its own', async () => {
    const tiers = await open(null);
    tiers.putEntry(entryOf('k', { ids: ['v1', 'v2'] }));
    tiers.putSlice('v1', 0, extent(1));
    tiers.putSlice('v2', 0, extent(2));
    tiers.putEntry(entryOf('k', { ids: ['v2', 'v3'] }));
    assert.equal(tiers.slice('v1', 0), undefined);
    assert.deepEqual(tiers.slice('v2', 0), extent(2));
    tiers.dropEntry('k');
    assert.equal(tiers.slice('v2', 0), undefined);
    assert.equal(tiers.entry('k'), undefined);
    assert.deepEqual([tiers.ram.bytes, tiers.ram.count], [0, 0]);
  });

  test('an entry that has to go takes its slices along', async () => {
    const tiers = await open(null, { ramBytes: 8 * MIB });
    for (let index = 0; index < 20_000; index += 1) {
      tiers.putEntry(entryOf(`k${index}`, { ids: [`v${index}`] }));
      tiers.putSlice(`v${index}`, 0, extent(1, 100));
    }
    let entries = 0;
    for (let index = 0; index < 20_000; index += 1) {
      const held = tiers.entry(`k${index}`) !== undefined;
      if (held) entries += 1;
      else assert.equal(tiers.slice(`v${index}`, 0), undefined, `slice of ${index}`);
    }
    assert.ok(entries > 1_000 && entries < 8_192, `${entries}`);
  });
});

suite('tiers with a disk', () => {
  test('what left RAM is on disk, and comes back to RAM', async () => {
    const tiers = await open('left', { ramBytes: 8 * MIB });
    for (let index = 0; index < 40; index += 1) {
      tiers.putEntry(entryOf(`k${index}`, { ids: [`v${index}`] }));
      tiers.putSlice(`v${index}`, 0, extent(index));
      await tiers.disk?.settled();
    }
    assert.ok(tiers.ram.bytes <= 8 * MIB);
    const found = Array.from({ length: 40 }, (_, index) => tiers.slice(`v${index}`, 0));
    assert.ok(found.filter((slice) => slice instanceof Promise).length >= 30);
    for (const [index, slice] of found.entries()) {
      assert.deepEqual(await slice, extent(index));
      assert.deepEqual(await tiers.entry(`k${index}`), entryOf(`k${index}`, { ids: [`v${index}`] }));
    }
    await tiers.slice('v1', 0);
    assert.deepEqual(tiers.slice('v1', 0), extent(1));
  });

  test('what is kept in RAM alone is never on disk, takes the place of what is, and goes with its slices', async () => {
    const tiers = await open('alone', { ramBytes: 8 * MIB });
    tiers.putEntry(entryOf('before', { ids: ['v1'] }));
    await tiers.disk?.settled();
    tiers.putEntry(entryOf('before', { ids: ['v1', 'v2'] }), 'ram');
    assert.deepEqual(tiers.entry('before'), entryOf('before', { ids: ['v1', 'v2'] }));
    for (let index = 0; index < 10_000; index += 1) {
      tiers.putEntry(entryOf(`k${index}`, { ids: [`w${index}`], tag: 'soft' }), 'ram');
      tiers.putSlice(`w${index}`, 0, extent(1, 100), 'ram');
      // What is popular is what would be written as it leaves RAM.
      if (index % 2 === 0) void tiers.entry(`k${index}`);
    }
    await tiers.purged('soft:soft').noted;
    await tiers.sweep();
    await tiers.disk?.settled();
    assert.equal(tiers.disk?.records, 0);
    assert.equal(tiers.entry('before'), undefined);
    let entries = 0;
    for (let index = 0; index < 10_000; index += 1) {
      const held = tiers.entry(`k${index}`) as TestEntry | undefined;
      if (held !== undefined) entries += 1;
      else assert.equal(tiers.slice(`w${index}`, 0), undefined, `slice of ${index}`);
      if (held !== undefined) assert.ok(held.isStale);
    }
    assert.ok(entries > 1_000 && entries < 8_192, `${entries}`);
  });

  test('all is there after a restart, but for what was dropped or replaced', async () => {
    let tiers = await open('restart');
    for (const key of ['kept', 'dropped', 'replaced']) {
      tiers.putEntry(entryOf(key, { ids: [`${key}1`] }));
      tiers.putSlice(`${key}1`, 0, extent(1));
      tiers.putSlice(`${key}1`, 1, extent(2));
    }
    tiers = await reopen(tiers, 'restart');
    await tiers.entry('dropped');
    tiers.dropEntry('dropped');
    await tiers.entry('replaced');
    tiers.putEntry(entryOf('replaced', { ids: ['replaced2'] }));
    tiers = await reopen(tiers, 'restart');
    assert.deepEqual(await tiers.entry('kept'), entryOf('kept', { ids: ['kept1'] }));
    assert.deepEqual(await tiers.slice('kept1', 1), extent(2));
    assert.equal(await tiers.entry('dropped'), undefined);
    assert.deepEqual(await tiers.entry('replaced'), entryOf('replaced', { ids: ['replaced2'] }));
    for (const id of ['dropped1', 'replaced1']) {
      for (const index of [0, 1]) assert.equal(await tiers.slice(id, index), undefined, `${id} ${index}`);
    }
  });

  test('what is put or dropped while the disk is read is what counts', async () => {
    let tiers = await open('meanwhile');
    for (const key of ['put', 'dropped']) tiers.putEntry(entryOf(key, { ids: ['v1'] }));
    tiers = await reopen(tiers, 'meanwhile');
    const put = tiers.entry('put');
    const dropped = tiers.entry('dropped');
    assert.ok(put instanceof Promise && dropped instanceof Promise);
    tiers.putEntry(entryOf('put', { ids: ['v2'] }));
    tiers.dropEntry('dropped');
    assert.deepEqual(await put, entryOf('put', { ids: ['v2'] }));
    assert.equal(await dropped, undefined);
    assert.equal(await tiers.entry('dropped'), undefined);
    tiers = await reopen(tiers, 'meanwhile');
    assert.deepEqual(await tiers.entry('put'), entryOf('put', { ids: ['v2'] }));
  });

  test('purged objects do not come back: not with the rule after a restart, not without it after a sweep', async () => {
    let tiers = await open('purged');
    for (let index = 0; index < 300; index += 1) {
      const tag = index % 3 === 0 ? 'hard' : index % 3 === 1 ? 'gentle' : 'other';
      tiers.putEntry(entryOf(`k${index}`, { ids: [`v${index}`], tag }));
      tiers.putSlice(`v${index}`, 0, extent(1, 100));
    }
    await tiers.disk?.settled();
    await Promise.all([tiers.purged('hard').noted, tiers.purged('soft:gentle').noted]);
    await tiers.noteCursor('c9');
    tiers = await reopen(tiers, 'purged');
    assert.deepEqual(tiers.rules, [
      { sequence: 1, rule: 'hard' },
      { sequence: 2, rule: 'soft:gentle' },
    ]);
    assert.deepEqual([tiers.sequence, tiers.disk?.entries], [2, 300]);
    assert.deepEqual([tiers.isInStepWith('c8'), tiers.isInStepWith('c9')], [false, true]);
    // What was on its way in is judged when it is stored.
    tiers.putEntry(entryOf('late', { ids: ['late1'], tag: 'hard' }));
    assert.equal(await tiers.entry('late'), undefined);
    // One of them is in RAM, too.
    await tiers.entry('k3');
    await tiers.sweep();
    assert.deepEqual([tiers.rules.length, tiers.disk?.entries, tiers.ram.count], [0, 200, 0]);
    tiers = await reopen(tiers, 'purged');
    assert.deepEqual([tiers.sequence, tiers.rules.length, tiers.disk?.entries], [2, 0, 200]);
    assert.equal(await tiers.entry('k3'), undefined);
    assert.equal(await tiers.slice('v3', 0), undefined);
    assert.deepEqual(await tiers.entry('k4'), entryOf('k4', { ids: ['v4'], tag: 'gentle', seq: 2, isStale: true }));
    assert.deepEqual(await tiers.entry('k5'), entryOf('k5', { ids: ['v5'], tag: 'other', seq: 2 }));
  });

  test('where it is not known what was purged nothing is given', async () => {
    const fill = async (name: string): Promise<Tiers<TestEntry, string>> => {
      const tiers = await open(name);
      tiers.putEntry(entryOf('k', { ids: ['v1'] }));
      await tiers.disk?.settled();
      assert.ok((await (await reopen(tiers, name)).entry('k')) !== undefined);
      return tiers;
    };
    await fill('lost');
    await rm(join(root, 'lost', 'purges.log'));
    assert.equal(await (await open('lost')).entry('k'), undefined);
    await fill('damaged');
    await writeFile(join(root, 'damaged', 'purges.log'), '00000000 {}\n');
    assert.equal(await (await open('damaged')).entry('k'), undefined);
    await fill('off');
    await open('off', { diskBytes: 0 });
    assert.equal(await (await open('off')).entry('k'), undefined);
  });

  test('a purge that cannot be noted takes all along, and is answered for', async () => {
    let isFailing = false;
    const files = failingLog(() => isFailing);
    const tiers = await open('unnoted', { files });
    tiers.putEntry(entryOf('k', { ids: ['v1'] }));
    await tiers.disk?.settled();
    isFailing = true;
    await tiers.purged('any').noted;
    assert.equal(await tiers.entry('k'), undefined);
    assert.deepEqual(await readdir(join(root, 'unnoted')), []);
    isFailing = false;
    tiers.putEntry(entryOf('k2', { ids: ['v2'], seq: 1 }));
    await tiers.purged('other').noted;
    const again = await reopen(tiers, 'unnoted');
    assert.deepEqual(
      again.rules.map(({ rule }) => rule),
      ['any', 'other'],
    );
    assert.ok((await again.entry('k2')) !== undefined);
  });

  test('one rule more than can be known, and all that is stored goes', async () => {
    const tiers = await open('rules');
    // In one turn of the event loop, so that no sweep comes between.
    const noted = Array.from({ length: MOST_RULES }, (_, index) => tiers.purged(`t${index}`).noted);
    tiers.putEntry(entryOf('k', { ids: ['v1'], seq: tiers.sequence }));
    assert.equal(tiers.rules.length, MOST_RULES);
    assert.ok(tiers.entry('k') !== undefined);
    noted.push(tiers.purged('one more').noted);
    await Promise.all(noted);
    assert.deepEqual([tiers.rules.length, await tiers.entry('k')], [0, undefined]);
  });

  test('what is popular in RAM is on disk when it leaves, though its volume went long ago', async () => {
    const tiers = await open('popular', { ramBytes: 8 * MIB, diskBytes: 16 * MIB });
    const use = async (index: number): Promise<void> => {
      if ((await tiers.slice(`v${index}`, 0)) === undefined)
        tiers.putSlice(`v${index}`, 0, extent(index % 200, MIB - 2_000));
      await tiers.disk?.settled();
    };
    for (let index = 0; index < 60; index += 1) {
      await use(999);
      await use(index);
    }
    assert.ok(!(tiers.slice('v999', 0) instanceof Promise), 'it is in RAM');
    for (let index = 100; index < 130; index += 1) for (let uses = 0; uses < 40; uses += 1) await use(index);
    const found = tiers.slice('v999', 0);
    assert.ok(found instanceof Promise, 'it is not in RAM any more');
    assert.ok((await found) !== undefined);
  });
});

async function reopen(tiers: Tiers<TestEntry, string>, name: string): Promise<Tiers<TestEntry, string>> {
  await tiers.close();
  return open(name);
}

/** A disk on which the log of purges cannot be written. */
function failingLog(isFailing: () => boolean): FileLayer {
  return {
    ...nodeFiles,
    open: async (path) => {
      const file = await nodeFiles.open(path);
      if (!path.includes('purges.log')) return file;
      const write: typeof file.write = async (buffers, position) => {
        if (isFailing()) throw Object.assign(new Error('EIO'), { code: 'EIO' });
        await file.write(buffers, position);
      };
      return { ...file, write };
    },
  };
}
