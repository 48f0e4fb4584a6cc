import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfig } from './config.ts';

test('an empty environment gives the documented defaults', () => {
  const config = readConfig({});
  assert.deepEqual([config.port, config.geoPort, config.rtmpPort, config.publicHost], [7000, 7100, 1935, '127.0.0.1']);
  assert.deepEqual([config.adminToken, config.joinToken, config.logLevel], [null, null, 'info']);
  assert.equal(config.limits.streams, 1_000);
});

test('a value that does not read as it should is refused by the name of its variable', () => {
  for (const [variable, value] of [
    ['HEADWATER_CONTROL_PORT', '70000'],
    ['HEADWATER_ADMIN_TOKEN', 'with space'],
    ['HEADWATER_JOIN_TOKEN', 'x'.repeat(257)],
    ['HEADWATER_SECRETS_KEY', 'too short'],
    ['HEADWATER_TRUSTED_PROXIES', 'everybody'],
    ['HEADWATER_LOG_LEVEL', 'loud'],
    ['HEADWATER_MAX_STREAMS', '0'],
    ['HEADWATER_MAX_TOKEN_TTL_SECONDS', '1e9'],
  ] as const) {
    assert.throws(() => readConfig({ [variable]: value }), { name: 'ConfigError', variable });
  }
});
