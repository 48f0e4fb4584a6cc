import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import type { FeedMessage } from '@headwater/protocol/feed';
import type { FeedState } from '@headwater/protocol/feed-state';
import { FeedState as EmptyFeed } from '@headwater/protocol/feed-state';
import { type SessionClaims, mintSessionToken } from '@headwater/protocol/session-token';
import type { ZoneEntry } from '@headwater/protocol/zone';
import { type Answer, FOREIGN_KEYS, ask, feedOf, mint, startRig } from '../edge-rig.ts';
import type { RunningEdge } from '../start-edge.ts';

const SECRET = Buffer.alloc(32, 5).toString('base64url');
const asked: IncomingMessage[] = [];
/** answers below /late/, which the tests give */
const held: ServerResponse[] = [];
let feed: FeedState;
let edge: RunningEdge;
let originUrl = '';

const origin = createServer((request, response) => {
  asked.push(request);
  if (request.url?.startsWith('/late/') === true) return void held.push(response);
  response.writeHead(200, { 'cache-control': 'max-age=60', 'cdn-cache-control': 'max-age=50' }).end(`${request.url}`);
});

/** On vip.example and on any host tokens are wanted; all but /vip of open.example is public. */
function zones(): ZoneEntry[] {
  const zone = (name: string, hosts: string[], policy: ZoneEntry['policy'], pathPrefix = '/'): ZoneEntry => ({
    name,
    hosts,
    pathPrefix,
    origins: [originUrl],
    policy,
  });
  return [
    zone('vip', ['vip.example'], 'token'),
    zone('other', ['other.example'], 'token'),
    zone('open', ['open.example'], 'public'),
    zone('part', ['open.example'], 'token', '/vip'),
    zone('show', ['*'], 'token'),
  ];
}

before(async () => {
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
  originUrl = `http://127.0.0.1:${(origin.address() as AddressInfo).port}`;
  const issuer: FeedMessage = { type: 'issuer', issuer: { iss: 'backend', alg: 'HS256', secret: SECRET } };
  const revoked: FeedMessage = { type: 'revocation', session: 'gone', atMs: Date.now() };
  feed = feedOf('http://127.0.0.1:9', [issuer, revoked]);
  edge = await startRig(feed, { zones: zones(), limits: { deadlineMs: 300 } });
});
after(async () => {
  await edge[Symbol.asyncDispose]();
  origin.closeAllConnections();
  origin.close();
});
beforeEach(() => asked.splice(0));

function zoneToken(zone: string, change: object = {}): string {
  return mint(zone, { scope: `zone/${zone}`, ...change });
}

function session(change: Partial<SessionClaims> = {}): string {
  const exp = Math.floor(Date.now() / 1000) + 600;
  const claims = { exp, iat: exp - 700, cdniuc: 'regex:https?://[^/]+/.*', hwsid: 's1', ...change };
  return mintSessionToken(claims, { iss: 'backend', alg: 'HS256', key: createSecretKey(SECRET, 'base64url') });
}

async function get(host: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return ask(edge, path, { headers: { host, ...headers } });
}

test('a path token opens its zone, and neither the key nor the origin sees it', async () => {
  const first = await get('vip.example', `/t/${zoneToken('vip')}/a?x=1`);
  assert.deepEqual([first.status, first.text], [200, '/a?x=1']);
  assert.match(String(first.headers['cache-control']), /private/);
  // A CDN behind us would read that and nothing else (RFC 9213 §2.2).
  assert.equal(first.headers['cdn-cache-control'], undefined);
  const second = await get('VIP.example:80', `/t/${zoneToken('vip', { session: 's2' })}/a?x=1`);
  assert.deepEqual([second.status, second.text, asked.length], [200, '/a?x=1', 1], 'one object for both');
  const anyHost = await get('unnamed.example', `/t/${zoneToken('show')}/b`);
  assert.deepEqual([anyHost.status, anyHost.text], [200, '/b']);
});

test('a token for one zone or stream opens nothing else, whatever stands around it', async () => {
  const [vip, show, part] = [zoneToken('vip'), zoneToken('show'), zoneToken('part')];
  const stream = mint('show');
  const cases: [host: string, path: string, code: string][] = [
    ['other.example', `/t/${vip}/a`, 'token_scope'],
    ['unnamed.example', `/t/${vip}/a`, 'token_scope'],
    ['vip.example', `/t/${show}/a`, 'token_scope'],
    // A zone called like a stream.
    ['unnamed.example', `/t/${stream}/a`, 'token_scope'],
    ['unnamed.example', `/t/${show}/live/show/master.m3u8`, 'token_scope'],
    ['vip.example', `/t/${stream}/live/show/master.m3u8`, 'token_scope'],
    ['vip.example', `/t/${mint('vip')}/a`, 'token_scope'],
    ['open.example', `/t/${part}/a`, 'token_scope'],
    ['vip.example', `/t/${zoneToken('vip').slice(0, -1)}/a`, 'token_malformed'],
    ['vip.example', '/t/rubbish/a', 'token_malformed'],
    ['vip.example', `/t/${mint('vip', { scope: 'zone/vip' }, FOREIGN_KEYS)}/a`, 'token_signature'],
    ['vip.example', `/t/${zoneToken('vip', { session: 'gone' })}/a`, 'token_revoked'],
    ['vip.example', `/t/${zoneToken('vip', { expiresS: 1 })}/a`, 'token_expired'],
    ['vip.example', '/a', 'token_missing'],
    ['open.example', '/vip/a', 'token_missing'],
    ['open.example', '/%76ip/a', 'token_missing'],
    ['open.example', '/vip%2fa', 'token_missing'],
    ['open.example', '/vip', 'token_missing'],
  ];
  for (const [host, path, code] of cases) {
    const answer = await get(host, path);
    assert.deepEqual([answer.status, answer.code], [403, code], `${host} ${path}`);
  }
  assert.equal((await get('open.example', `/t/${part}/vip/a`)).status, 200);
  asked.splice(0);
  // Out of a zone by its path, or with a token in another spelling: nothing of that is for any origin.
  for (const path of [
    `/t/${part}/vip/../a`,
    `/t/${part}/vip/%2e%2e/a`,
    `/t/${part}/vip/..%2fa`,
    `/t/${part}/vip;/a`,
    `/t/${part}//vip/a`,
    `/t%2f${part}/vip/a`,
    `/%74/${part}/vip/a`,
    `/t//${part}/vip/a`,
    `//t/${part}/vip/a`,
    `/x/../t/${part}/vip/a`,
    `/t/${part}`,
    '/x/../vip/a',
    '//vip/a',
    '/x/..%2fvip/a',
    '/vip;x/a',
  ]) {
    const answer = await get('open.example', path);
    assert.ok([400, 403, 404].includes(answer.status), `${answer.status} ${path}`);
  }
  assert.deepEqual(asked, []);
});

test('a path below /t/ that is no token is a public zone’s own', async () => {
  assert.equal((await get('open.example', '/t/shirts/red')).text, '/t/shirts/red');
  assert.equal((await get('open.example', `/t/${zoneToken('open')}/a`)).text, '/a', 'a token is checked there, too');
  assert.equal((await get('open.example', `/t/${zoneToken('vip')}/a`)).code, 'token_scope');
});

test('a session token for the whole zone, wherever it travels, buys the same under a path token', async () => {
  const jwt = session({ hwscope: 'zone/vip', cdnicrit: 'hwscope' });
  const asks = [
    [`/a/b?x=1&URISigningPackage=${jwt}&y=2`, {}, '/a/b?x=1&y=2'],
    [`/a/b;URISigningPackage=${jwt}`, {}, '/a/b'],
    ['/a/b?x', { cookie: `u=1; URISigningPackage=${jwt}` }, '/a/b?x'],
    ['/a/b', { authorization: `Bearer ${jwt}` }, '/a/b'],
    [`/a/b?URISigningPackage=${session({ cdniuc: 'regex:http://vip[.]example/.*' })}`, {}, '/a/b'],
  ] as const;
  for (const [path, headers, rest] of asks) {
    const answer = await get('vip.example', path, headers);
    assert.equal(answer.status, 307, `${path}: ${answer.text}`);
    assert.equal(answer.headers['cache-control'], 'private, no-store');
    const [, bought = '', target] = /^\/t\/([^/]+)(\/.*)$/.exec(String(answer.headers.location)) ?? [];
    assert.deepEqual([bought.startsWith('1.k1.s1.zone~vip.'), target], [true, rest]);
    const followed = await get('vip.example', String(answer.headers.location), headers);
    assert.deepEqual([followed.status, followed.text], [200, rest]);
  }
  assert.ok(asked.length > 0);
  for (const { url, rawHeaders } of asked) assert.ok(!`${url} ${rawHeaders.join()}`.includes(jwt), url);
});

test('a session token that covers less than the zone opens just that, and is asked for every time', async () => {
  const jwt = session({ cdniuc: 'regex:http://vip[.]example/film-1/[^?]*' });
  const film = await get('vip.example', `/film-1/part?URISigningPackage=${jwt}`);
  assert.deepEqual([film.status, film.text], [200, '/film-1/part']);
  assert.match(String(film.headers['cache-control']), /private/);
  assert.equal((await get('vip.example', `/film-2/part?URISigningPackage=${jwt}`)).code, 'session_container');
  assert.equal((await get('vip.example', '/film-1/part')).code, 'token_missing');
  assert.equal((await get('other.example', `/film-1/part?URISigningPackage=${jwt}`)).code, 'session_container');
});

test('a session token that is not for this zone buys nothing', async () => {
  const past = Math.floor(Date.now() / 1000) - 1;
  const cases: [host: string, jwt: string, code: string][] = [
    ['vip.example', session({ hwscope: 'zone/other' }), 'session_container'],
    ['vip.example', session({ hwscope: 'live/vip' }), 'session_container'],
    ['unnamed.example', session({ hwscope: 'live/show' }), 'session_container'],
    ['vip.example', session({ cdniuc: 'regex:http://other[.]example/.*' }), 'session_container'],
    ['vip.example', session({ exp: past }), 'session_expired'],
    ['vip.example', session({ jti: 'once' }), 'session_replayed'],
    ['vip.example', session({ hwsid: 'gone' }), 'token_revoked'],
    ['vip.example', 'rubbish', 'session_malformed'],
  ];
  for (const [host, jwt, code] of cases) {
    const answer = await get(host, `/a?URISigningPackage=${jwt}`);
    assert.deepEqual([answer.status, answer.code], [403, code]);
  }
  assert.equal(
    (await get('x', `/live/show/master.m3u8?URISigningPackage=${session({ hwscope: 'zone/show' })}`)).code,
    'session_container',
  );
});

test('no token goes to the origin in another field either', async () => {
  const token = zoneToken('vip');
  await get('vip.example', `/t/${token}/fields`, {
    authorization: 'Bearer secret',
    cookie: 'a=1; URISigningPackage=secret; b=2',
    referer: `https://vip.example/t/${token}/page?URISigningPackage=secret&x=1`,
  });
  const { headers } = asked[0] as IncomingMessage;
  assert.deepEqual(
    [headers.authorization, headers.cookie, headers.referer],
    [undefined, 'a=1; b=2', 'https://vip.example/page?x=1'],
  );
  await get('open.example', '/fields', {
    authorization: 'Bearer own',
    cookie: 'URISigningPackage=secret',
    referer: 'http://x/t/y',
  });
  const open = (asked[1] as IncomingMessage).headers;
  assert.deepEqual([open.authorization, open.cookie, open.referer], ['Bearer own', undefined, 'http://x/t/y']);
  assert.equal((await get('open.example', '/stripped?URISigningPackage=secret&x')).text, '/stripped?x');
});

test('what a player names as its next is fetched without its token', async () => {
  const jwt = session({ cdniuc: 'regex:http://vip[.]example/next/[^?]*(\\?.*)?' });
  const next = (name: string, where: string) => encodeURIComponent(`nor="${encodeURIComponent(`${name}${where}`)}"`);
  const token = `/t/${zoneToken('vip')}`;
  await get('vip.example', `/next/1;URISigningPackage=${jwt}?CMCD=${next('2', `;URISigningPackage=${jwt}`)}`);
  await get('vip.example', `/next/3?URISigningPackage=${jwt}&CMCD=${next('4', `?URISigningPackage=${jwt}`)}`);
  await get('vip.example', `${token}/next/5?CMCD=${next(`${token}/next/6`, '')}`);
  while (asked.length < 6) await ask(edge, '/healthz');
  const paths = ['/next/1', '/next/2', '/next/3', '/next/4', '/next/5', '/next/6'];
  assert.deepEqual(new Set(asked.map(({ url }) => url)), new Set(paths));
});

test('a token that ends or is revoked while its request waits opens nothing any more', async () => {
  const revoke = (session: string): void => {
    const message: FeedMessage = { type: 'revocation', session, atMs: Date.now() };
    feed.apply({ cursor: session, snapshot: false, messages: [message] });
  };
  const jwt = session({ cdniuc: 'regex:http://vip[.]example/late/[^?]*', hwsid: 'late-4' });
  const asks: [method: string, path: string, session: string][] = [
    ['GET', `/t/${zoneToken('vip', { session: 'late-1' })}/late/shared`, 'late-1'],
    ['GET', `/t/${zoneToken('vip', { session: 'late-2' })}/late/own`, 'late-2'],
    ['HEAD', `/t/${zoneToken('vip', { session: 'late-3' })}/late/head`, 'late-3'],
    ['GET', `/late/part?URISigningPackage=${jwt}`, 'late-4'],
  ];
  for (const [method, path, name] of asks) {
    const outgoing = ask(edge, path, { method, headers: { host: 'vip.example' } });
    while (held.length === 0) await new Promise(setImmediate);
    revoke(name);
    const control = path.endsWith('own') ? 'private' : 'max-age=60';
    held.pop()?.writeHead(200, { 'cache-control': control }).end('late');
    const { status, headers } = await outgoing;
    assert.deepEqual([status, headers['content-type']], [403, 'application/problem+json'], `${method} ${path}`);
  }
  const told = await get('vip.example', `/t/${zoneToken('vip')}/late/shared`);
  assert.deepEqual([told.status, told.text], [200, 'late'], 'it was fetched for the others');
  assert.match(String(told.headers['cache-status']), /hit/);

  const posted = ask(edge, `/t/${zoneToken('vip', { session: 'late-5' })}/late/post`, {
    method: 'POST',
    headers: { host: 'vip.example' },
  });
  while (held.length === 0) await new Promise(setImmediate);
  revoke('late-5');
  held.pop()?.writeHead(201).end('done');
  assert.equal((await posted).status, 201, 'what was done is told');
});

test('a zone’s tokens end when they are revoked, and before the feed’s first page there are none', async () => {
  const token = zoneToken('other');
  assert.equal((await get('other.example', `/t/${token}/a`)).status, 200);
  const message: FeedMessage = { type: 'revocation', zone: 'other', atMs: Date.now() };
  feed.apply({ cursor: '2', snapshot: false, messages: [message] });
  assert.equal((await get('other.example', `/t/${token}/a`)).code, 'token_revoked');
  assert.equal((await get('vip.example', `/t/${zoneToken('vip')}/a`)).status, 200);
  await using alone = await startRig(new EmptyFeed(), { zones: zones(), limits: { deadlineMs: 300 } });
  const statusOf = async (host: string) => (await ask(alone, '/a', { headers: { host } })).status;
  assert.deepEqual([await statusOf('open.example'), await statusOf('vip.example')], [200, 503]);
});
