import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { COUNTRY_PLACES } from './country-places.ts';
import { locationOf, openLocator } from './locate.ts';

const DATABASE = fileURLToPath(
  import.meta.resolve('@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb'),
);
const HERE = { latitude: 50, longitude: 10 };

test('finds countries in the default database', async () => {
  const locate = await openLocator(DATABASE, HERE);
  assert.deepEqual(locate('81.2.69.142'), {
    place: { latitude: 51.5, longitude: -0.1 },
    country: 'GB',
    asn: null,
    source: 'country',
  });
  assert.equal(locate('2001:4860:4860::8888').country, 'US');
});

test('takes private addresses to stand beside it', async () => {
  const locate = await openLocator(DATABASE, HERE);
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
  assert.deepEqual((await openLocator(DATABASE, null))('127.0.0.1'), {
    place: null,
    country: null,
    asn: null,
    source: 'unknown',
  });
});

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
