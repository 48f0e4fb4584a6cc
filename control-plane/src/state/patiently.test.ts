import assert from 'node:assert/strict';
import { test } from 'node:test';
import { patiently } from './patiently.ts';
import { StoreUnavailable } from './store.ts';

test('a store that is away for a moment is asked again; what fails otherwise fails at once', async () => {
  let asked = 0;
  const work = async (): Promise<string> => {
    asked += 1;
    if (asked < 3) throw new StoreUnavailable('away');
    return 'there';
  };
  assert.equal(await patiently(work, 1), 'there');
  assert.equal(asked, 3);
  const broken = async (): Promise<never> => {
    asked += 1;
    throw new Error('broken');
  };
  await assert.rejects(patiently(broken, 1), /broken/);
  assert.equal(asked, 4);
});

test('a store that stays away ends the start', async () => {
  let asked = 0;
  const away = async (): Promise<never> => {
    asked += 1;
    throw new StoreUnavailable('away');
  };
  await assert.rejects(patiently(away, 1), StoreUnavailable);
  assert.equal(asked, 20);
});
