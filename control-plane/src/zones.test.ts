import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FeedPage } from '@headwater/protocol/feed';
import { FeedState } from '@headwater/protocol/feed-state';
import { addKey } from './test-accounts.ts';
import { type Answer, type TestPlane, joinAs, startTestPlane } from './test-plane.ts';

const SITE = {
  name: 'site',
  hosts: ['www.example', 'example'],
  pathPrefix: '/',
  origins: ['http://127.0.0.1:9000'],
  policy: 'public',
};

function assertProblem({ status, body }: Answer, wantedStatus: number, code: string, detail = /(?:)/): void {
  assert.deepEqual([status, body['code']], [wantedStatus, code], JSON.stringify(body));
  assert.match((body['detail'] as string | undefined) ?? '', detail);
}

async function poll(plane: TestPlane, credential: string, cursor?: string): Promise<FeedPage> {
  const query = cursor === undefined ? '' : `?cursor=${encodeURIComponent(cursor)}`;
  return (await plane.call('GET', `/v1/feed${query}`, undefined, credential)).body as unknown as FeedPage;
}

test('a zone is made, read, listed, changed and deleted', async () => {
  await using plane = await startTestPlane();
  const { call } = plane;
  const made = await call('POST', '/v1/zones', { ...SITE, hosts: ['WWW.Example', 'example'] });
  assert.deepEqual([made.status, made.body], [201, SITE]);
  assert.equal(made.headers.get('location'), '/v1/zones/site');
  assert.deepEqual((await call('GET', '/v1/zones/site')).body, SITE);
  const short = { name: 'all', origins: ['http://o'], policy: 'token' };
  const all = { name: 'all', hosts: ['*'], pathPrefix: '/', origins: ['http://o'], policy: 'token' };
  assert.deepEqual((await call('POST', '/v1/zones', short)).body, all);
  assert.deepEqual((await call('GET', '/v1/zones')).body, { zones: [all, SITE] });
  const { name: _, ...form } = SITE;
  const changed = await call('PUT', '/v1/zones/site', { ...form, policy: 'token', origins: ['https://o:8443'] });
  assert.deepEqual([changed.status, changed.body], [200, { ...SITE, policy: 'token', origins: ['https://o:8443'] }]);
  assert.deepEqual((await call('GET', '/v1/zones/site')).body, changed.body);
  assertProblem(await call('POST', '/v1/zones', { ...SITE, hosts: ['other.example'] }), 409, 'zone_exists');
  assert.equal((await call('DELETE', '/v1/zones/site')).status, 204);
  assertProblem(await call('GET', '/v1/zones/site'), 404, 'zone_not_found');
  assertProblem(await call('DELETE', '/v1/zones/site'), 404, 'zone_not_found');
  assertProblem(await call('PUT', '/v1/zones/site', form), 404, 'zone_not_found');
});

test('what is no zone is refused by the name of its field', async () => {
  await using plane = await startTestPlane();
  const cases: [change: Record<string, unknown>, detail: RegExp][] = [
    [{ name: 'a/b' }, /^name: /],
    [{ policy: undefined }, /^policy: /],
    [{ hosts: [] }, /^hosts: /],
    [{ hosts: ['a.example', '*'] }, /^hosts: .*alone/],
    [{ hosts: ['a.example', 'b.example:80'] }, /^hosts\.1: /],
    [{ pathPrefix: '/a/../b' }, /^pathPrefix: /],
    [{ origins: ['http://o', 'http://u:p@o'] }, /^origins\.1: wants http:/],
    [{ origins: ['http://169.254.169.254'] }, /^origins\.0: wants no address at which clouds/],
    [{ extra: 1 }, /^extra: no such field$/],
  ];
  for (const [change, detail] of cases) {
    const body = JSON.parse(JSON.stringify({ ...SITE, ...change })) as { name?: string };
    assertProblem(await plane.call('POST', '/v1/zones', body), 400, 'bad_field', detail);
    if ('name' in change) continue;
    delete body.name;
    assertProblem(await plane.call('PUT', '/v1/zones/site', body), 400, 'bad_field', detail);
  }
  assert.deepEqual((await plane.call('GET', '/v1/zones')).body, { zones: [] });
});

test('no two zones have a host and a prefix in common, and there are no more than the limit', async () => {
  await using plane = await startTestPlane({ env: { HEADWATER_MAX_ZONES: '3' } });
  const { call } = plane;
  await call('POST', '/v1/zones', SITE);
  const rival = { ...SITE, name: 'rival', hosts: ['other.example', 'example'] };
  assertProblem(await call('POST', '/v1/zones', rival), 409, 'zone_overlaps', /^example with \/ is site's$/);
  assert.equal((await call('POST', '/v1/zones', { ...rival, pathPrefix: '/img' })).status, 201);
  const { name: _, ...form } = rival;
  assertProblem(await call('PUT', '/v1/zones/rival', form), 409, 'zone_overlaps');
  assert.equal((await call('PUT', '/v1/zones/rival', { ...form, pathPrefix: '/img' })).status, 200, 'not with itself');
  assert.equal((await call('POST', '/v1/zones', { ...SITE, name: 'three', hosts: ['*'] })).status, 201);
  const four = { ...SITE, name: 'four', hosts: ['four.example'] };
  assertProblem(await call('POST', '/v1/zones', four), 429, 'too_many_zones', /limit is 3/);
});

test('nodes hear of zones as they come and go, and a snapshot holds them', async () => {
  await using plane = await startTestPlane({ feedWaitMs: 50 });
  const { call } = plane;
  const credential = await joinAs(plane, { id: 'edge-1' });
  const state = new FeedState();
  state.apply(await poll(plane, credential));
  const follow = async () => state.apply(await poll(plane, credential, state.cursor ?? undefined));
  await call('POST', '/v1/zones', SITE);
  await follow();
  assert.deepEqual([...state.zones.values()], [SITE]);
  const { name: _, ...form } = SITE;
  await call('PUT', '/v1/zones/site', { ...form, policy: 'token' });
  await follow();
  assert.equal(state.zones.get('site')?.policy, 'token');
  await plane.restart();
  const anew = await joinAs(plane, { id: 'edge-2' });
  const snapshot = await poll(plane, anew);
  assert.ok(snapshot.snapshot);
  assert.ok(snapshot.messages.some((message) => message.type === 'zone' && message.zone.policy === 'token'));
  await call('DELETE', '/v1/zones/site');
  await follow();
  assert.equal(state.zones.size, 0);
});

test('viewer-issuers see zones; to change one wants an operator, to delete it more than that', async () => {
  await using plane = await startTestPlane();
  const { call } = plane;
  await call('POST', '/v1/zones', SITE);
  const { name: _, ...form } = SITE;
  const issuer = await addKey(plane, { role: 'viewer-issuer' });
  assert.equal((await call('GET', '/v1/zones', undefined, issuer)).status, 200);
  assertProblem(await call('POST', '/v1/zones', SITE, issuer), 403, 'forbidden');
  assertProblem(await call('PUT', '/v1/zones/site', form, issuer), 403, 'forbidden');
  assertProblem(await call('DELETE', '/v1/zones/site', undefined, issuer), 403, 'forbidden');
  const operator = await addKey(plane, { role: 'operator' });
  assert.equal((await call('PUT', '/v1/zones/site', form, operator)).status, 200);
  assertProblem(await call('DELETE', '/v1/zones/site', undefined, operator), 403, 'key_not_sensitive');
});

test('the audit log tells what a zone was made of', async () => {
  await using plane = await startTestPlane();
  await plane.call('POST', '/v1/zones', SITE);
  const { entries } = (await plane.call('GET', '/v1/audit')).body as { entries: { target: string; facts: object }[] };
  const entry = entries.find(({ target }) => target === '/v1/zones/site');
  const { hosts, origins, ...rest } = SITE;
  assert.deepEqual(entry?.facts, { ...rest, hosts: JSON.stringify(hosts), origins: JSON.stringify(origins) });
});
