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
