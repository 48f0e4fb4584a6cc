import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, type Environment } from '@headwater/service/env';
import { readConfig } from './config.ts';

test('every variable has a default', () => {
  const config = readConfig({});
  assert.deepEqual([config.rtmpPort, config.rtmpsPort, config.httpPort], [1935, 1936, 7200]);
  assert.equal(config.dataDirectory, 'data/origin-1');
  assert.deepEqual(config.publish, { maxStreams: 50, graceMs: 30_000, replaceAfterMs: 3_000 });
});

test('a cap by address that is set holds on loopback too; unset it does not', () => {
  const capOf = (env: Environment) => readConfig(env).rtmp.maxConnectionsPerAddress;
  assert.deepEqual(capOf({}), { loopback: 0, elsewhere: 100 });
  assert.deepEqual(capOf({ HEADWATER_MAX_CONNECTIONS_PER_IP: '5' }), { loopback: 5, elsewhere: 5 });
  assert.deepEqual(capOf({ HEADWATER_MAX_CONNECTIONS_PER_IP: '0' }), { loopback: 0, elsewhere: 0 });
});

const wrong: [string, string][] = [
  ['HEADWATER_RTMP_PORT', 'seventy'],
  ['HEADWATER_ORIGIN_PORT', '65536'],
  ['HEADWATER_NODE_ID', 'Origin 1'],
  ['HEADWATER_CONTROL_URL', 'ftp://x'],
  ['HEADWATER_LIVE_WINDOW_SEGMENTS', '2'],
  ['HEADWATER_LOG_LEVEL', 'loud'],
  ['HEADWATER_MAX_CONNECTIONS_PER_IP', '-1'],
  ['HEADWATER_LIVE_TOTAL_BYTES', '1000'],
];
for (const [variable, value] of wrong) {
  test(`${variable}=${value} is refused by name`, () => {
    assert.throws(
      () => readConfig({ [variable]: value }),
      (error) => error instanceof ConfigError && error.variable === variable,
    );
  });
}
