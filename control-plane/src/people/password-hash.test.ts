import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HashingQueue } from './hashing-queue.ts';
import { HASH_COST, PasswordHasher } from './password-hash.ts';
import { CHEAP } from './test-people.ts';

test('a password is verified by its hash, whatever the cost is now, and two hashes of one differ', async () => {
  const hasher = new PasswordHasher(CHEAP);
  const hash = (await hasher.hash('correct horse é')) ?? '';
  assert.match(hash, /^\$argon2id\$v=19\$m=8,t=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  assert.notEqual(hash, await hasher.hash('correct horse é'));
  const other = new PasswordHasher({ memoryKib: 16, passes: 2 });
  assert.equal(await other.verify('correct horse e\u0301', hash), true, 'composed otherwise');
  assert.equal(await other.verify('correct horse e', hash), false);
  assert.equal(await other.verify('', hash), false);
  await assert.rejects(hasher.verify('x', 'plain'), /no argon2id hash/);
});

test('agrees with the reference implementation, and costs no less than OWASP asks', async () => {
  // From the tests of github.com/P-H-C/phc-winner-argon2.
  const reference = '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4';
  const hasher = new PasswordHasher(CHEAP);
  assert.equal(await hasher.verify('password', reference), true);
  assert.equal(await hasher.verify('Password', reference), false);
  assert.equal(await hasher.verify('password', null), false, 'nobody has no password');
  assert.ok(HASH_COST.memoryKib >= 19_456 && HASH_COST.passes >= 2);
});

test('of many at once a few are hashed, some wait, and the rest are refused', async () => {
  const queue = new HashingQueue({ running: 2, waiting: 3 });
  const gates: (() => void)[] = [];
  let most = 0;
  let running = 0;
  const work = async (): Promise<number> => {
    running += 1;
    most = Math.max(most, running);
    await new Promise<void>((resolve) => gates.push(resolve));
    running -= 1;
    return 1;
  };
  const runs = Array.from({ length: 6 }, () => queue.run(work));
  assert.equal(queue.waiting, 3);
  assert.equal(await runs[5], 'busy');
  for (let n = 0; n < 5; n += 1) {
    gates.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual((await Promise.all(runs)).slice(0, 5), [1, 1, 1, 1, 1]);
  assert.deepEqual([most, running, queue.waiting], [2, 0, 0]);
  assert.equal(await queue.run(async () => 'again'), 'again');
  await assert.rejects(queue.run(() => Promise.reject(new Error('no'))));
  assert.equal(await queue.run(async () => 'still'), 'still');
});
