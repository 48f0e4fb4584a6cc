import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FeedState } from '@headwater/protocol/feed-state';
import { seeded } from '@headwater/protocol/test-random';
import { readPath } from '@headwater/protocol/uri-path';
import type { ZoneEntry } from '@headwater/protocol/zone';
import { ZoneTable, hostOf } from './zone-table.ts';

function zone(name: string, hosts: string[], pathPrefix = '/', change: Partial<ZoneEntry> = {}): ZoneEntry {
  return { name, hosts, pathPrefix, origins: ['http://127.0.0.1:9000'], policy: 'public', ...change };
}

function feedOf(...zones: ZoneEntry[]): FeedState {
  const feed = new FeedState();
  const messages = zones.map((each) => ({ type: 'zone', zone: each }) as const);
  feed.apply({ cursor: 'c', snapshot: true, messages });
  return feed;
}

test('a Host field names a host in one spelling', () => {
  const cases = { 'A.Example:8080': 'a.example', 'a.example.': 'a.example', 'a.example.:80': 'a.example' };
  for (const [header, host] of Object.entries({
    ...cases,
    '[::1]:80': '[::1]',
    '[::1]': '[::1]',
    '10.0.0.1:1': '10.0.0.1',
  }))
    assert.equal(hostOf(header), host);
  assert.equal(hostOf(undefined), '');
});

test('a host that a zone names comes before any host, then the longest prefix', () => {
  const table = new ZoneTable(
    feedOf(
      zone('any', ['*']),
      zone('any-img', ['*'], '/img/big'),
      zone('site', ['a.example', 'b.example'], '/s'),
      zone('site-img', ['a.example'], '/s/img/'),
    ),
  );
  const cases: [host: string | undefined, path: string, name: string][] = [
    ['a.example', '/s/img/x', 'site-img'],
    ['A.EXAMPLE:8080', '/s/img/x', 'site-img'],
    ['b.example', '/s/img/x', 'site'],
    ['a.example', '/s/img', 'site'],
    ['a.example', '/s', 'site'],
    ['a.example', '/s/', 'site'],
    ['a.example', '/sx', 'any'],
    ['a.example', '/img/big/1', 'any-img'],
    ['c.example', '/s', 'any'],
    ['sub.a.example', '/s', 'any'],
    [undefined, '/img/big', 'any-img'],
    [undefined, '/img/bigger', 'any'],
  ];
  for (const [host, path, name] of cases) assert.equal(table.match(host, path)?.name, name, `${host} ${path}`);
  const named = new ZoneTable(feedOf(zone('site', ['a.example'])));
  assert.equal(named.match('b.example', '/'), null);
  assert.equal(new ZoneTable(feedOf()).match('a.example', '/'), null);
});

test('no spelling of a path reaches a zone’s content through another zone, or leaves the prefix', () => {
  const table = new ZoneTable(
    feedOf(
      zone('all', ['a.example']),
      zone('vip', ['a.example'], '/vip', { policy: 'token' }),
      zone('img', ['b.example'], '/img'),
    ),
  );
  const zoneOf = (host: string, path: string) => {
    const read = readPath(path);
    return read.ok ? table.match(host, read.name)?.name : 'refused';
  };
  for (const path of ['/vip/a', '/%76ip/a', '/v%69p', '/vip', '/vip%2fa', '/vip//a'])
    assert.equal(zoneOf('a.example', path), 'vip', path);
  for (const path of ['/vip;x/a', '/vip;', '/;x/vip/a', '/vip%3bx/a'])
    assert.equal(zoneOf('a.example', path), undefined, path);
  for (const path of ['/x;v=1', '/web/http://b.example/', '/VIP/a'])
    assert.equal(zoneOf('a.example', path), 'all', path);
  for (const path of [
    '/./vip/a',
    '/x/../vip/a',
    '/x/%2E%2e/vip',
    '/x%2f..%2f%76ip',
    '/x\\..\\vip',
    '/x/..;/vip',
    '//vip/a',
  ])
    assert.equal(zoneOf('a.example', path), 'refused', path);
  assert.equal(zoneOf('b.example', '/img;a/b'), undefined);
  assert.equal(zoneOf('b.example', '/img/a;b'), 'img');
});

test('the file counts more than the feed, by name and by place', () => {
  const feed = feedOf(
    zone('b', ['*'], '/same'),
    zone('a', ['*'], '/same'),
    zone('f', ['old.example']),
    zone('g', ['*'], '/g'),
  );
  const table = new ZoneTable(feed, [zone('f', ['new.example']), zone('z', ['*'], '/g')]);
  assert.equal(table.match('old.example', '/'), null);
  assert.equal(table.match('new.example', '/')?.name, 'f');
  assert.equal(table.match('x', '/g')?.name, 'z');
  assert.equal(table.match('x', '/same')?.name, 'a');
});

test('a zone that the feed tells of or takes back counts from the next request on', () => {
  const feed = feedOf();
  const table = new ZoneTable(feed);
  assert.equal(table.match('a.example', '/'), null);
  feed.apply({ cursor: 'd', snapshot: false, messages: [{ type: 'zone', zone: zone('site', ['a.example']) }] });
  assert.equal(table.match('a.example', '/')?.name, 'site');
  feed.apply({ cursor: 'e', snapshot: false, messages: [{ type: 'zone-removed', name: 'site' }] });
  assert.equal(table.match('a.example', '/'), null);
});

test('agrees with a plain search over 5,000 random tables and requests', () => {
  const random = seeded(5);
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;
  const hosts = ['*', 'a', 'b', 'c'];
  const prefixes = ['/', '/x', '/x/', '/x/y', '/xy', '/y'];
  const covers = (prefix: string, path: string) => `${path}/`.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`);
  for (let round = 0; round < 500; round += 1) {
    const count = Math.floor(random() * 6);
    const zones = Array.from({ length: count }, (_, n) => zone(`z${n}`, [pick(hosts)], pick(prefixes)));
    const table = new ZoneTable(feedOf(...zones));
    for (let question = 0; question < 10; question += 1) {
      const [host, path] = [pick(['a', 'b', 'd']), pick(['/', '/x', '/x/y', '/xy/z', '/y/x', '/x/yy'])];
      const isStrict = ({ pathPrefix }: ZoneEntry) =>
        covers(pathPrefix, path) && (path.startsWith(pathPrefix) || !pathPrefix.endsWith('/'));
      const ofHost = (wanted: string) => zones.filter((each) => each.hosts[0] === wanted && isStrict(each));
      const candidates = ofHost(host).length > 0 ? ofHost(host) : ofHost('*');
      const longest = Math.max(...candidates.map(({ pathPrefix }) => pathPrefix.length));
      const wanted = candidates.find(({ pathPrefix }) => pathPrefix.length === longest)?.name;
      assert.equal(table.match(host, path)?.name, wanted, `${host} ${path} of ${JSON.stringify(zones)}`);
    }
  }
});
