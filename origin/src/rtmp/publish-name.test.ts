import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLiveApp, readPublishName } from './publish-name.ts';
import { MAX_STREAM_KEY_LENGTH } from './rtmp-limits.ts';

test('knows its one application', () => {
  for (const app of ['live', 'live/', 'live?key=k', 'live/?key=k']) assert.ok(isLiveApp(app), app);
  for (const app of ['', 'Live', 'live2', '/live', 'live/x', '?live']) assert.ok(!isLiveApp(app), app);
});

test('an application of slashes takes no time', () => {
  const startMs = performance.now();
  for (const start of ['', 'live']) assert.ok(!isLiveApp(`${start}${'/'.repeat(2 ** 18)}x`));
  assert.ok(performance.now() - startMs < 1_000);
});

test('takes the key from the publish name, else from the server URL', () => {
  const server = 'rtmp://h/live';
  assert.deepEqual(readPublishName('show?key=a%2Fb', server), { stream: 'show', key: 'a/b' });
  assert.deepEqual(readPublishName('show', `${server}?key=k`), { stream: 'show', key: 'k' });
  assert.deepEqual(readPublishName('show?key=a', `${server}?key=b`), { stream: 'show', key: 'a' });
  assert.deepEqual(readPublishName('show', server), { stream: 'show', key: '' });
});

test('refuses names and keys that cannot be', () => {
  const longest = 'k'.repeat(MAX_STREAM_KEY_LENGTH);
  assert.equal(readPublishName(`show?key=${longest}`, '')?.key, longest);
  assert.equal(readPublishName(`show?key=${longest}k`, ''), null);
  for (const name of ['', '?key=k', '../x?key=k', 'a/b?key=k', 'é?key=k', 's'.repeat(65)]) {
    assert.equal(readPublishName(name, ''), null, name);
  }
});
