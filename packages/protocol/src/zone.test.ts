import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seeded } from './test-random.ts';
import { ZONE_HOST_LIMIT, ZONE_ORIGIN_LIMIT, type ZoneEntry, isForbidden, parseZone } from './zone.ts';

const SITE = {
  name: 'site',
  hosts: ['www.example', 'example'],
  pathPrefix: '/a/',
  origins: ['http://127.0.0.1:9000', 'https://[2001:db8::1]:8443'],
  policy: 'public',
} as const;

function complaintAt(change: Readonly<Record<string, unknown>>): string | null {
  const reading = parseZone({ ...SITE, ...change });
  return reading.ok ? null : reading.field;
}

test('a zone reads as it stands, in one spelling, with what is absent filled in', () => {
  assert.deepEqual(parseZone(SITE), { ok: true, zone: SITE });
  const short = parseZone({ name: 'all', origins: ['HTTP://Example:80/'], policy: 'token' });
  const zone = { name: 'all', hosts: ['*'], pathPrefix: '/', origins: ['http://example'], policy: 'token' };
  assert.deepEqual(short, { ok: true, zone });
  const shouted = parseZone({ ...SITE, hosts: ['WWW.Example', '[2001:DB8::1]', '192.0.2.1'] });
  assert.deepEqual(shouted.ok && shouted.zone.hosts, ['www.example', '[2001:db8::1]', '192.0.2.1']);
});

test('a complaint names its field', () => {
  const bad: [field: string, change: Record<string, unknown>][] = [
    ['name', { name: 'a.b' }],
    ['name', { name: undefined }],
    ['policy', { policy: 'open' }],
    ['policy', { policy: undefined }],
    ['colour', { colour: 'red' }],
    ['hosts', { hosts: 'a.example' }],
    ['hosts', { hosts: [] }],
    ['hosts', { hosts: ['*', 'a.example'] }],
    ['hosts[1]', { hosts: ['a.example', 'A.Example'] }],
    ['origins', { origins: undefined }],
    ['origins', { origins: [] }],
    ['origins[0]', { origins: [9000] }],
    ['origins[1]', { origins: ['http://a', 'http://a:80/'] }],
  ];
  for (const [field, change] of bad) assert.equal(complaintAt(change), field, JSON.stringify(change));
  for (const value of [null, undefined, 'zone', [SITE], 7]) assert.deepEqual(parseZone(value).ok, false);
});

test('hosts are names or addresses, without port, wildcard or second spelling', () => {
  for (const host of [
    '',
    'a.example:80',
    '*.example',
    'a..b',
    '.a',
    'a.',
    'a/b',
    'a b',
    'é',
    'user@a',
    '127.1',
    '0x7f.1',
  ])
    assert.equal(complaintAt({ hosts: [host] }), 'hosts[0]', host);
  for (const host of ['[::ffff:1]:80', '[0:0::1]', '-a', 'a-', `${'a'.repeat(64)}.b`, `${'a.'.repeat(126)}ab`])
    assert.equal(complaintAt({ hosts: [host] }), 'hosts[0]', host);
  for (const host of ['a', 'a_b', 'xn--bcher-kva.example', '10.0.0.1', '[::1]', `${'a.'.repeat(126)}a`])
    assert.equal(complaintAt({ hosts: [host] }), null, host);
});

test('origins are scheme and authority, and never an address at which clouds keep credentials', () => {
  for (const origin of [
    'ftp://a',
    'a:80',
    '//a',
    'http://',
    'http://u@a',
    'http://u:p@a',
    'http://@a',
    'http://a/x',
    'http://a?',
    'http://a?x',
    'http://a#',
    'http:\\\\a',
    ' http://a',
    'http://a:99999',
    'http://169.254.169.254',
    'http://0xa9fea9fe/',
    'http://[fe80::1]',
    'http://[::ffff:169.254.169.254]',
    'http://[fd00:ec2::254]',
    'http://100.100.100.200',
    'http://Metadata.Google.Internal',
    'http://metadata.google.internal.',
    'http://168.63.129.16',
    'http://192.0.0.192',
    'http://[64:ff9b::169.254.169.254]',
  ]) {
    assert.equal(complaintAt({ origins: [origin] }), 'origins[0]', origin);
  }
  for (const origin of ['http://a', 'https://a:8443', 'http://10.0.0.1', 'http://localhost:9000', 'http://[::1]:1'])
    assert.equal(complaintAt({ origins: [origin] }), null, origin);
  assert.ok(isForbidden('169.254.1.1') && isForbidden('fe80::2') && !isForbidden('127.0.0.1'));
  // As a resolver writes them.
  for (const address of ['fe80::1%eth0', '64:ff9b::a9fe:a9fe', '::ffff:169.254.169.254'])
    assert.ok(isForbidden(address), address);
  assert.ok(!isForbidden('64:ff9b::1.2.3.4') && !isForbidden('::ffff:127.0.0.1'));
});

test('a prefix is a path in normal form', () => {
  for (const pathPrefix of [
    '',
    'a',
    '/a?b',
    '/a//b',
    '/a/../b',
    '/a/.',
    '/%61',
    '/a%2Fb',
    '/a;b',
    '/t',
    '/t/',
    '/t/a',
    7,
  ])
    assert.equal(complaintAt({ pathPrefix }), 'pathPrefix', String(pathPrefix));
  for (const pathPrefix of ['/', '/a', '/a/b/', '/%C3%B6', '/tea', `/${'a'.repeat(255)}`])
    assert.equal(complaintAt({ pathPrefix }), null, pathPrefix);
});

test('limits hold at one more', () => {
  const many = (count: number, make: (n: number) => string) => Array.from({ length: count }, (_, n) => make(n));
  const host = (n: number) => `h${n}.example`;
  const origin = (n: number) => `http://o${n}`;
  assert.equal(complaintAt({ hosts: many(ZONE_HOST_LIMIT, host) }), null);
  assert.equal(complaintAt({ hosts: many(ZONE_HOST_LIMIT + 1, host) }), 'hosts');
  assert.equal(complaintAt({ origins: many(ZONE_ORIGIN_LIMIT, origin) }), null);
  assert.equal(complaintAt({ origins: many(ZONE_ORIGIN_LIMIT + 1, origin) }), 'origins');
  assert.equal(complaintAt({ pathPrefix: `/${'a'.repeat(256)}` }), 'pathPrefix');
});

test('what was read reads again as the same, and 20,000 mutations throw nothing', () => {
  const random = seeded(11);
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;
  const scraps = ['', '*', 'a', '.', '/', '//', '%2e', ':', '@', '[', ']', '::1', '\\', '?', '#', 'é', '\0', '-', '9'];
  const text = (seed: string) => seed.slice(0, Math.floor(random() * (seed.length + 1))) + pick(scraps) + pick(scraps);
  let accepted = 0;
  for (let round = 0; round < 20_000; round += 1) {
    const mutated: Record<string, unknown> = structuredClone(SITE);
    const field = pick(Object.keys(SITE));
    const value = mutated[field];
    mutated[field] = Array.isArray(value)
      ? [...(value as string[]), text(pick(value as string[]))]
      : pick([text(String(value)), null, 7, []]);
    const reading = parseZone(mutated);
    if (!reading.ok) continue;
    accepted += 1;
    const again = JSON.parse(JSON.stringify(reading.zone)) as ZoneEntry;
    assert.deepEqual(parseZone(again), { ok: true, zone: reading.zone });
  }
  assert.ok(accepted > 500, `${accepted} accepted`);
});
