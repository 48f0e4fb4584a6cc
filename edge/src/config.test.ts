import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError } from '@headwater/service/env';
import { readConfig } from './config.ts';

test('nothing needs to be set', () => {
  const config = readConfig({});
  assert.deepEqual([config.port, config.adminPort, config.nodeId], [8080, 9080, 'edge-1']);
  assert.equal(config.limits.ramBytes, 512 * 1024 * 1024);
  assert.equal(config.limits.diskBytes, 4 * 1024 ** 3);
  assert.match(config.cacheDirectory, /data[/\\]cache[/\\]edge-1$/);
  assert.equal(config.publicUrl, null);
  assert.deepEqual(config.limits.connectionsPerAddress, { loopback: 0, elsewhere: 1_000 });
  assert.match(config.stateFile, /data[/\\]edge-1\.json$/);
});

test('ports that belong together move together', () => {
  assert.equal(readConfig({ HEADWATER_EDGE_PORT: '8081' }).adminPort, 9081);
  assert.equal(readConfig({ HEADWATER_EDGE_PORT: '0' }).adminPort, 0);
  assert.equal(readConfig({ HEADWATER_EDGE_ADMIN_PORT: '5' }).adminPort, 5);
});

test('a complaint names its variable', () => {
  const bad = {
    HEADWATER_EDGE_PORT: '65536',
    HEADWATER_EDGE_RAM_BYTES: 'much',
    HEADWATER_EDGE_DISK_BYTES: String(16 * 1024 * 1024 - 1),
    HEADWATER_NODE_ID: 'Edge_1',
    HEADWATER_PLACE: 'here',
    HEADWATER_EDGE_MAX_WAITERS: '0',
    HEADWATER_EDGE_PUBLIC_URL: 'edge.example',
    HEADWATER_EDGE_PARENTS: 'edge-2:8080',
  };
  for (const [variable, value] of Object.entries(bad)) {
    assert.throws(
      () => readConfig({ [variable]: value }),
      (error) => error instanceof ConfigError && error.variable === variable,
    );
  }
});
