import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { FeedState } from '@headwater/protocol/feed-state';
import { ZONE_LIMIT } from '@headwater/protocol/zone';
import { ConfigError } from '@headwater/service/env';
import { readConfig } from '../config.ts';
import { ask } from '../edge-rig.ts';
import { startEdge } from '../start-edge.ts';

const directory = mkdtempSync(join(tmpdir(), 'headwater-'));
after(() => rmSync(directory, { recursive: true }));
const FILE = join(directory, 'zones.json');

const SITE = { name: 'site', origins: ['http://127.0.0.1:9000'], policy: 'public' };

function read(text: string) {
  writeFileSync(FILE, text);
  return readConfig({ HEADWATER_ZONES_FILE: FILE, HEADWATER_EDGE_PORT: '0' });
}

test('a zones file holds zones as the API takes them', () => {
  assert.deepEqual(readConfig({}).zones, []);
  assert.deepEqual(read('[]').zones, []);
  const { zones } = read(JSON.stringify([SITE, { ...SITE, name: 'vip', hosts: ['A.example'], policy: 'token' }]));
  assert.deepEqual(zones, [
    { ...SITE, hosts: ['*'], pathPrefix: '/' },
    { ...SITE, name: 'vip', hosts: ['a.example'], pathPrefix: '/', policy: 'token' },
  ]);
});

test('a broken file stops the start, and the complaint names the file, the zone and the field', () => {
  const cases: [text: string, complaint: RegExp][] = [
    ['[', /JSON/],
    ['{}', /wants a JSON list of zones/],
    ['[7]', /zone \[0\]: wants an object/],
    [JSON.stringify([SITE, { ...SITE, name: 'b', origins: ['ftp://a'] }]), /zone "b": origins\[0\] wants http:/],
    [JSON.stringify([{ ...SITE, policy: undefined }]), /zone "site": policy wants public or token/],
    [JSON.stringify([{ ...SITE, name: 'no name' }]), /zone "no name": name wants/],
    [JSON.stringify([SITE, SITE]), /zone "site": name is there twice/],
    [JSON.stringify(Array.from({ length: ZONE_LIMIT + 1 }, () => SITE)), /holds 1001 zones, the limit is 1000/],
  ];
  for (const [text, complaint] of cases) {
    const named = (error: unknown) =>
      error instanceof ConfigError &&
      error.variable === 'HEADWATER_ZONES_FILE' &&
      error.message.includes(FILE) &&
      complaint.test(error.message);
    assert.throws(() => read(text), named, text.slice(0, 80));
  }
  assert.throws(() => readConfig({ HEADWATER_ZONES_FILE: join(directory, 'none') }), /none.*ENOENT|ENOENT.*none/);
});

test('an edge with public zones of its own is ready without a control plane; others are not', async () => {
  const statusWith = async (text: string) => {
    await using edge = await startEdge(read(text), { feed: new FeedState(), log: () => undefined });
    return (await ask(edge, '/readyz')).status;
  };
  assert.equal(await statusWith(JSON.stringify([SITE])), 200);
  assert.equal(await statusWith(JSON.stringify([{ ...SITE, policy: 'token' }])), 503);
  assert.equal(await statusWith('[]'), 503);
});
