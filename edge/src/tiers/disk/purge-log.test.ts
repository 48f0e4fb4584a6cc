import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { seeded } from '@headwater/protocol/test-random';
import { nodeFiles } from './file-layer.ts';
import { MOST_CURSORS, PurgeLog } from './purge-log.ts';

interface Rule {
  readonly tag: string;
}

const root = await mkdtemp(join(tmpdir(), 'headwater-purges-'));
after(() => rm(root, { recursive: true }));

function open(name: string): Promise<PurgeLog<Rule>> {
  return PurgeLog.open<Rule>(nodeFiles, join(root, name));
}

function purge(log: PurgeLog<Rule>, tag: string): Promise<void> {
  return log.note({ kind: 'purge', sequence: log.history.sequence + 1, rule: { tag } });
}

suite('purge log', () => {
  test('knows at the next start what was noted, and what has done its work not', async () => {
    const log = await open('known');
    assert.equal(log.isTrusted, false, 'there was none: what was purged before cannot be known');
    await Promise.all([purge(log, 'a'), purge(log, 'b'), log.note({ kind: 'cursor', cursor: 'c7' }), purge(log, 'c')]);
    await log.note({ kind: 'done', sequence: 2 });
    await log.close();
    for (let start = 0; start < 3; start += 1) {
      const again = await open('known');
      assert.equal(again.isTrusted, true);
      assert.deepEqual(again.history, {
        rules: [{ sequence: 3, rule: { tag: 'c' } }],
        sequence: 3,
        cursors: start === 0 ? ['c7'] : ['c7', 'c8'],
        doneTo: 2,
      });
      // The first line of a run writes the file anew.
      if (start === 0) await again.note({ kind: 'cursor', cursor: 'c8' });
      await again.close();
    }
  });

  test('what it has answered for is in the file, whoever else is being written', async () => {
    const log = await open('answered');
    const answered: Promise<void>[] = [];
    for (let index = 0; index < 50; index += 1) {
      const tag = `tag-${index};`;
      answered.push(
        (async () => {
          await purge(log, tag);
          assert.ok((await readFile(join(root, 'answered', 'purges.log'), 'utf8')).includes(tag));
        })(),
      );
      if (index % 7 === 0) await new Promise(setImmediate);
    }
    await Promise.all(answered);
    await log.close();
    assert.equal((await open('answered')).history.rules.length, 50);
  });

  test('half a line at the end was never answered for; any other damage is seen', async () => {
    const path = join(root, 'damaged', 'purges.log');
    const log = await open('damaged');
    for (const tag of ['a', 'b', 'c']) await purge(log, tag);
    await log.close();
    const whole = await readFile(path);
    await appendFile(path, '1234abcd {"kind":"pu');
    const torn = await open('damaged');
    assert.deepEqual([torn.isTrusted, torn.history.rules.length], [true, 3]);
    await purge(torn, 'd');
    await torn.close();
    assert.equal((await open('damaged')).history.rules.length, 4);
    const random = seeded(9);
    for (let round = 0; round < 300; round += 1) {
      const bytes = Buffer.from(whole);
      const at = Math.floor(random() * bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
      await writeFile(path, bytes);
      const { isTrusted, history } = await open('damaged');
      assert.ok(!isTrusted || (at === bytes.length - 1 && history.rules.length === 3), `byte ${at}`);
    }
    await writeFile(path, '');
    assert.equal((await open('damaged')).isTrusted, false);
  });

  test('does not grow with what has done its work', async () => {
    const log = await open('grows');
    for (let index = 0; index < 300; index += 1) {
      await purge(log, 'x'.repeat(10_000));
      await log.note({ kind: 'done', sequence: log.history.sequence });
    }
    await log.close();
    assert.ok((await stat(join(root, 'grows', 'purges.log'))).size < 1.2 * 1024 * 1024);
    assert.equal((await open('grows')).history.sequence, 300);
  });

  test('knows the last places in the feed, one more and the first is forgotten', async () => {
    const log = await open('cursors');
    for (let page = 0; page <= MOST_CURSORS; page += 1) await log.note({ kind: 'cursor', cursor: `c${page}` });
    await log.close();
    const { cursors } = (await open('cursors')).history;
    assert.deepEqual([cursors.length, cursors[0], cursors.at(-1)], [MOST_CURSORS, 'c1', `c${MOST_CURSORS}`]);
  });

  test('what is being noted as it is closed is noted', async () => {
    const log = await open('closed');
    await purge(log, 'first');
    const noted = purge(log, 'last');
    // It is being written by then.
    for (let turn = 0; turn < 3; turn += 1) await Promise.resolve();
    await log.close();
    await noted;
    assert.equal((await open('closed')).history.rules.length, 2);
  });

  test('after it is distrusted the next start trusts nothing', async () => {
    const log = await open('distrusted');
    await purge(log, 'a');
    await log.distrust();
    assert.equal((await open('distrusted')).isTrusted, false);
  });
});
