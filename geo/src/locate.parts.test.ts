import assert from 'node:assert/strict';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { COUNTRY_PLACES } from './country-places.ts';
import { type LiveLocator, type LocatorSources, locationOf, openLocator } from './locate.ts';

const DATABASE = fileURLToPath(
  import.meta.resolve('@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb'),
);
const HERE = { latitude: 50, longitude: 10 };

async function open(beside: typeof HERE | null, more: Partial<LocatorSources> = {}): Promise<LiveLocator> {
  return openLocator({ databaseFile: DATABASE, asnFile: null, zonesFile: null, beside, ...more });
}

test('finds countries in the default database', async () => {
  using locator = await open(HERE);
  const { locate } = locator;
  assert.deepEqual(locate('81.2.69.142'), {
    place: { latitude: 51.5, longitude: -0.1 },
    country: 'GB',
    asn: null,
    source: 'country',
  });
  assert.equal(locate('2001:4860:4860::8888').country, 'US');
});

test('takes private addresses to stand beside it', async () => {
  using locator = await open(HERE);
  const { locate } = locator;
  for (const address of [
    '127.0.0.1',
    '10.1.2.3',
    '172.31.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '::1',
    'fd00::1',
    'fe80::1',
  ]) {
    assert.deepEqual(locate(address), { place: HERE, country: null, asn: null, source: 'default' }, address);
  }
  assert.equal(locate('172.32.0.1').source, 'country');
  assert.deepEqual((await open(null)).locate('127.0.0.1'), {
    place: null,
    country: null,
    asn: null,
    source: 'unknown',
  });
});

test('a database of IPv4 alone says nothing of IPv6', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-mmdb-'));
  const databaseFile = join(directory.path, 'v4.mmdb');
  await writeFile(databaseFile, ipv4Database('FJ'));
  using locator = await open(HERE, { databaseFile, asnFile: databaseFile });
  assert.equal(locator.locate('203.0.113.1').country, 'FJ');
  assert.deepEqual(locator.locate('2001:4860:4860::8888'), {
    place: null,
    country: null,
    asn: null,
    source: 'unknown',
  });
});

test('a damaged database costs nobody the way in, and is told of once', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-mmdb-'));
  const databaseFile = join(directory.path, 'damaged.mmdb');
  await writeFile(databaseFile, ipv4Database('FJ', 200));
  const told: string[] = [];
  const sources = { databaseFile, asnFile: null, zonesFile: null, beside: HERE };
  using locator = await openLocator(sources, (file) => told.push(file));
  for (const address of ['203.0.113.1', '203.0.113.2']) assert.equal(locator.locate(address).source, 'unknown');
  assert.deepEqual(told, [databaseFile]);
});

/** A MaxMind DB (version 2.0) of one node, whose every address is in one country; `at`: where its record is said to be. */
function ipv4Database(country: string, at = 0): Buffer {
  const text = (value: string): Buffer => Buffer.concat([Buffer.of((2 << 5) | value.length), Buffer.from(value)]);
  const short = (value: number): Buffer => Buffer.of((5 << 5) | 1, value);
  const map = (fields: Readonly<Record<string, Buffer>>): Buffer => {
    const pairs = Object.entries(fields).flatMap(([name, value]) => [text(name), value]);
    return Buffer.concat([Buffer.of((7 << 5) | (pairs.length / 2)), ...pairs]);
  };
  const nodes = 1;
  const record = Buffer.of(0, 0, nodes + 16 + at);
  return Buffer.concat([
    record,
    record,
    Buffer.alloc(16),
    map({ country_code: text(country) }),
    Buffer.from('abcdef4d61784d696e642e636f6d', 'hex'),
    map({
      node_count: short(nodes),
      record_size: short(24),
      ip_version: short(4),
      binary_format_major_version: short(2),
      binary_format_minor_version: short(0),
      build_epoch: short(0),
      database_type: text('test'),
    }),
  ]);
}

test('reads flat and nested records, and what is in neither', () => {
  const place = { latitude: 1, longitude: 2 };
  assert.deepEqual(locationOf({ country_code: 'DE', ...place }), {
    place,
    country: 'DE',
    asn: null,
    source: 'database',
  });
  const nested = { country: { iso_code: 'DE' }, location: place };
  assert.deepEqual(locationOf(nested), { place, country: 'DE', asn: null, source: 'database' });
  assert.deepEqual(locationOf({ country_code: 'ZZ' }), { place: null, country: 'ZZ', asn: null, source: 'unknown' });
  assert.deepEqual(locationOf(null), { place: null, country: null, asn: null, source: 'unknown' });
});

test('the table holds every country once, on the globe', () => {
  assert.equal(COUNTRY_PLACES.size, 250);
  for (const [code, { latitude, longitude }] of COUNTRY_PLACES) {
    assert.match(code, /^[A-Z]{2}$/);
    assert.ok(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180, code);
  }
});

test('zones come before databases, a file that is replaced is read anew, and a broken one changes nothing', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-zones-'));
  const zonesFile = join(directory.path, 'zones.json');
  const put = (latitude: number): Promise<void> =>
    writeFile(zonesFile, JSON.stringify([{ place: `${latitude},1`, prefixes: ['81.2.69.0/24', '10.0.0.0/8'] }]));
  await put(1);
  let told = Promise.withResolvers<unknown>();
  const sources = { databaseFile: DATABASE, asnFile: null, zonesFile, beside: HERE };
  using locator = await openLocator(sources, (_, error) => told.resolve(error));
  assert.deepEqual(locator.locate('81.2.69.142'), {
    place: { latitude: 1, longitude: 1 },
    country: null,
    asn: null,
    source: 'zone',
  });
  assert.equal(locator.locate('10.1.1.1').source, 'zone');
  await writeFile(zonesFile, '{');
  assert.ok((await told.promise) instanceof Error);
  assert.equal(locator.locate('81.2.69.142').place?.latitude, 1);
  told = Promise.withResolvers<unknown>();
  await put(2);
  assert.equal(await told.promise, null);
  assert.equal(locator.locate('81.2.69.142').place?.latitude, 2);
  await assert.rejects(open(HERE, { databaseFile: zonesFile }));
});
