import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coverageOf, parseCoverage } from './coverage.ts';

const ZONES = parseCoverage(
  JSON.stringify([
    { place: '52.5,13.4', country: 'DE', prefixes: ['203.0.113.0/24', '2001:db8::/32'] },
    { place: '-33.9,151.2', asns: [64_500] },
    { place: '0,0', prefixes: ['203.0.0.0/16'] },
  ]),
);

test('the first zone that covers an address by network or system counts', () => {
  const latitudeOf = (address: string, asn: number | null = null) =>
    coverageOf(ZONES, address, asn)?.place.latitude ?? null;
  assert.equal(latitudeOf('203.0.113.9'), 52.5);
  assert.equal(latitudeOf('2001:db8:1::1'), 52.5);
  assert.equal(latitudeOf('203.0.1.1'), 0);
  assert.equal(latitudeOf('198.51.100.1', 64_500), -33.9);
  assert.equal(latitudeOf('198.51.100.1', 64_501), null);
});

test('the first zone counts, whichever of its networks is narrower', () => {
  const zones = parseCoverage(
    JSON.stringify([
      { place: '1,1', prefixes: ['10.0.0.0/8', '2001:DB8::/32'] },
      { place: '2,2', prefixes: ['10.1.0.0/16', '10.1.2.3', '::ffff:192.0.2.0/24', '0.0.0.0/0'], asns: [7] },
    ]),
  );
  const found = (address: string, asn: number | null = null) => coverageOf(zones, address, asn)?.place.latitude ?? null;
  assert.deepEqual(
    ['10.1.2.3', '2001:db8:ffff::1', '192.0.2.9', '203.0.113.1'].map((ip) => found(ip)),
    [1, 1, 2, 2],
  );
  assert.deepEqual([found('2001:db9::1'), found('2001:db9::1', 7), found('10.0.0.1', 7)], [null, 2, 1]);
});

test('a hundred thousand networks take no longer than a few', () => {
  const prefixes = Array.from({ length: 100_000 }, (_, n) => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`);
  const zones = parseCoverage(JSON.stringify([{ place: '1,1', prefixes }]));
  const startMs = performance.now();
  for (let n = 0; n < 1_000; n += 1) coverageOf(zones, '203.0.113.1', null);
  assert.ok(performance.now() - startMs < 1_000);
});

test('a file that does not read says where', () => {
  for (const [text, complaint] of [
    ['{', /JSON/],
    ['{}', /wants a list/],
    ['[{}]', /zone 0: place wants/],
    ['[{"place":"1,2"},{"place":"91,0"}]', /zone 1: place wants/],
    ['[{"place":"1,2","prefixes":["x"]}]', /zone 0: "x" is no network/],
    ['[{"place":"1,2","asns":["64500"]}]', /zone 0: asns wants numbers/],
    ['[{"place":"1,2","country":"Germany"}]', /zone 0: country wants/],
  ] as const) {
    assert.throws(() => parseCoverage(text), complaint, text);
  }
});
