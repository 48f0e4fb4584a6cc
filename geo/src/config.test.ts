import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfig } from './config.ts';

test('needs nothing set', () => {
  const config = readConfig({});
  assert.equal(config.port, 7100);
  assert.deepEqual(config.controlUrls, ['http://127.0.0.1:7000']);
  assert.deepEqual(config.trustedProxies, []);
});

test('names the variable that is wrong', () => {
  const wrong = [
    ['HEADWATER_GEO_PORT', '70000'],
    ['HEADWATER_TRUSTED_PROXIES', '10.0.0.0/8,nonsense'],
    ['HEADWATER_PLACE', 'here'],
    ['HEADWATER_NODE_ID', 'Geo 1'],
    ['HEADWATER_CONTROL_URL', 'nowhere'],
    ['HEADWATER_LOG_LEVEL', 'loud'],
  ] as const;
  for (const [variable, value] of wrong) {
    assert.throws(() => readConfig({ [variable]: value }), new RegExp(`^ConfigError: ${variable}: `));
  }
});

test('reads networks', () => {
  const { trustedProxies } = readConfig({ HEADWATER_TRUSTED_PROXIES: '10.0.0.0/8, ::1' });
  assert.deepEqual(
    trustedProxies.map(({ bits }) => bits),
    [8, 128],
  );
});
