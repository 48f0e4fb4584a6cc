/** People over real HTTP: who may what, second factors, keys, and the attacks that have to fail. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HASH_COST } from './people/password-hash.ts';
import { codeAt } from './people/test-people.ts';
import { OWN, type TestPerson, addKey, addPerson, addUser, enter, settle } from './test-accounts.ts';
import { ADMIN, type Answer, type TestPlane, joinAs, startTestPlane, testJoin } from './test-plane.ts';
import { startTestRedis } from './test-redis.ts';

interface Documented {
  readonly operationId: string;
  readonly security: readonly Readonly<Record<string, unknown>>[];
}

interface Listed {
  readonly id: string;
  readonly method: string;
  readonly path: string;
}

/** Every operation of the document that is for people. */
async function operationsForPeople(plane: TestPlane): Promise<readonly Listed[]> {
  const { paths } = (await plane.call('GET', '/v1/openapi.json')).body as {
    paths: Record<string, Record<string, Documented>>;
  };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { security }]) => security.some((scheme) => 'people' in scheme))
      .map(([method, { operationId: id }]) => ({
        id,
        method: method.toUpperCase(),
        path: path.replaceAll(/\{\w+\}/g, 'x'),
      })),
  );
}

function assertProblem(answer: Answer, status: number, code: string): void {
  assert.deepEqual([answer.status, answer.body['code']], [status, code], JSON.stringify(answer.body));
}

const ROLES = ['admin', 'operator', 'publisher', 'viewer-issuer'] as const;
const EVERYBODY = 'admin operator publisher viewer-issuer';
/** Who may what. Written out, so that a change of a role is a change here. */
const TABLE: Readonly<Record<string, string>> = {
  createStream: 'admin operator publisher',
  listStreams: EVERYBODY,
  getStream: 'admin operator publisher',
  deleteStream: 'admin operator',
  createZone: 'admin operator',
  listZones: 'admin operator viewer-issuer',
  getZone: 'admin operator viewer-issuer',
  replaceZone: 'admin operator',
  deleteZone: 'admin operator',
  createToken: 'admin operator viewer-issuer',
  revoke: 'admin operator viewer-issuer',
  createIssuer: 'admin',
  listIssuers: 'admin operator',
  getIssuer: 'admin operator',
  deleteIssuer: 'admin',
  rotatePathKey: 'admin operator',
  orderPurge: 'admin operator',
  getPurge: 'admin operator',
  listConfigs: 'admin operator',
  getConfig: 'admin operator',
  getConfigVersion: 'admin operator',
  rollConfig: 'admin operator',
  promoteConfig: 'admin operator',
  rollBackConfig: 'admin operator',
  createJoinToken: 'admin operator',
  listJoinTokens: 'admin operator',
  getJoinToken: 'admin operator',
  deleteJoinToken: 'admin operator',
  listNodes: 'admin operator',
  getNode: 'admin operator',
  removeNode: 'admin operator',
  drainNode: 'admin operator',
  explain: 'admin operator',
  getMe: EVERYBODY,
  changePassword: EVERYBODY,
  stepUp: EVERYBODY,
  enrolSecondFactor: EVERYBODY,
  confirmSecondFactor: EVERYBODY,
  dropSecondFactor: EVERYBODY,
  listMySessions: EVERYBODY,
  endMySession: EVERYBODY,
  listUsers: 'admin',
  createUser: 'admin',
  getUser: 'admin',
  changeUser: 'admin',
  deleteUser: 'admin',
  createApiKey: 'admin',
  listApiKeys: 'admin',
  deleteApiKey: 'admin',
  listAudit: 'admin',
  verifyAudit: 'admin',
};
/** What a person shows the second factor again for, and a key must be made for. */
const SENSITIVE = new Set([
  'deleteStream',
  'deleteZone',
  'createIssuer',
  'deleteIssuer',
  'rotatePathKey',
  'removeNode',
  'createJoinToken',
  'deleteJoinToken',
  'createUser',
  'changeUser',
  'deleteUser',
  'createApiKey',
  'deleteApiKey',
]);

test('each role may call what its row says, and nothing else; keys as people, but for accounts', async () => {
  await using plane = await startTestPlane();
  const operations = await operationsForPeople(plane);
  assert.deepEqual(operations.map(({ id }) => id).toSorted(), Object.keys(TABLE).toSorted());
  for (const role of ROLES) {
    const { bearer } = await addPerson(plane, { name: role, role });
    const weak = await addKey(plane, { role });
    const strong = await addKey(plane, { role, sensitive: true });
    for (const { id, method, path } of operations) {
      const may = (TABLE[id] ?? '').split(' ').includes(role);
      const codes: unknown[] = [];
      for (const asker of [bearer, weak, strong]) {
        codes.push((await plane.call(method, path, undefined, asker)).body['code'] ?? 'done');
      }
      const [person, weakly, strongly] = codes;
      const isOwn = TABLE[id] === EVERYBODY && id !== 'listStreams';
      const what = `${role} ${id}: ${codes.join()}`;
      assert.equal(person === 'forbidden', !may, what);
      assert.equal(strongly === 'forbidden', !may || isOwn, what);
      assert.equal(weakly === 'key_not_sensitive', may && SENSITIVE.has(id), what);
      assert.ok(person !== 'step_up_required' && strongly !== 'key_not_sensitive', what);
    }
  }
});

test('what changes something leaves an entry, whoever asked and whatever came of it', async () => {
  await using plane = await startTestPlane();
  const { bearer } = await addPerson(plane, { name: 'vera', role: 'viewer-issuer' });
  const operations = (await operationsForPeople(plane)).filter(({ method }) => method !== 'GET');
  assert.ok(operations.length > 20);
  const wanted = new Map<string, string>();
  for (const { id, method, path } of operations) {
    for (const asker of [undefined, bearer]) {
      const answer = await plane.call(method, path, undefined, asker);
      const outcome = (answer.body['code'] as string | undefined) ?? 'done';
      wanted.set(answer.headers.get('x-request-id') ?? '', `${asker === undefined ? 'root' : 'vera'} ${id} ${outcome}`);
    }
  }
  const { entries } = (await plane.call('GET', '/v1/audit?limit=500')).body as { entries: Entry[] };
  const told = new Map(entries.map((entry) => [entry.requestId, entry]));
  for (const [requestId, what] of wanted) {
    const entry = told.get(requestId);
    assert.ok(entry !== undefined, what);
    assert.deepEqual([entry.who.name, entry.outcome], [what.split(' ')[0], what.split(' ')[2]], what);
    assert.deepEqual([entry.address, entry.at], ['127.0.0.1', new Date(plane.clock.nowMs()).toISOString()]);
  }
  assert.equal((await plane.call('GET', '/v1/audit/verification')).body['brokenAt'], null);
});

interface Entry {
  readonly seq: number;
  readonly at: string;
  readonly who: {
    readonly kind: string;
    readonly name: string;
    readonly role: string | null;
    readonly via: string | null;
  };
  readonly action: string;
  readonly target: string;
  readonly outcome: string;
  readonly address: string;
  readonly requestId: string;
  readonly alert: string | null;
  readonly facts: Readonly<Record<string, unknown>>;
}

async function audit(plane: TestPlane): Promise<readonly Entry[]> {
  return (await plane.call('GET', '/v1/audit?limit=500')).body['entries'] as Entry[];
}

test('an entry says who did what to what, and no secret; the API has no way to change it', async () => {
  await using plane = await startTestPlane();
  const person = await addPerson(plane, { name: 'anna', role: 'operator' });
  await plane.call('POST', '/v1/streams', { name: 'show', policy: 'token' }, person.bearer);
  const [entry] = await audit(plane);
  const { who, action, target, outcome, facts } = entry ?? assert.fail();
  assert.deepEqual([who.kind, who.name, who.role, who.via?.length], ['person', 'anna', 'operator', 22]);
  assert.deepEqual([action, target, outcome], ['POST /v1/streams', '/v1/streams/show', 'done']);
  assert.deepEqual(facts, { name: 'show', policy: 'token' });
  const secrets = [
    OWN,
    person.bearer,
    person.refreshToken,
    person.secret,
    ...person.recoveryCodes,
    'given by the admin',
  ];
  const told = `${JSON.stringify(await audit(plane))}${plane.log.join('')}`;
  for (const secret of secrets) assert.ok(!told.includes(secret), secret);
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    for (const path of ['/v1/audit', '/v1/audit/verification'])
      assertProblem(await plane.call(method, path), 405, 'method_not_allowed');
    assertProblem(await plane.call(method, '/v1/audit/1'), 404, 'not_found');
  }
  const first = await plane.call('GET', '/v1/audit?limit=2');
  assert.deepEqual(first.body['entries'], (await audit(plane)).slice(0, 2));
  const [, next = ''] = /^<(.*)>; rel="next"$/.exec(first.headers.get('link') ?? '') ?? [];
  assert.deepEqual((await plane.call('GET', next)).body['entries'], (await audit(plane)).slice(2, 4));
  for (const cursor of ['1.5', '-1', 'x', '1e400'])
    assert.equal(
      (await plane.call('GET', `/v1/audit?cursor=${Buffer.from(cursor).toString('base64url')}`)).status,
      200,
    );
});

test('a password or a second factor that an admin replaced is told of, the password itself is not', async () => {
  await using plane = await startTestPlane();
  await addUser(plane, { name: 'anna', role: 'operator' });
  await plane.call('PATCH', '/v1/users/anna', { password: 'another that is given', secondFactor: false });
  const [entry] = await audit(plane);
  assert.deepEqual([entry?.target, entry?.facts], ['/v1/users/anna', { password: 'given', secondFactor: false }]);
});

test('a node that joins is told of; one that is refused, and what nodes do by themselves, is not', async () => {
  await using plane = await startTestPlane();
  const credential = await joinAs(plane, { id: 'edge-1' });
  assertProblem(await plane.call('POST', '/v1/nodes/join', testJoin(), 'hwj_nobody'), 401, 'join_token_unknown');
  await plane.call('POST', '/v1/nodes/edge-1/heartbeat', {}, credential);
  await plane.call('POST', '/v1/streams', {}, 'nobody');
  const told = (await audit(plane)).map(({ who, action, outcome }) => [who.kind, who.name, action, outcome]);
  assert.deepEqual(told, [['node', 'edge-1', 'POST /v1/nodes/join', 'done']]);
});

test('what is sensitive wants the second factor of the last five minutes, purging everything by any name too', async () => {
  await using plane = await startTestPlane();
  await addUser(plane, { name: 'olaf', role: 'operator' });
  const { accessToken } = await settle(plane, 'olaf');
  assertProblem(await plane.call('POST', '/v1/keys/rotate', undefined, accessToken), 403, 'step_up_required');
  for (const part of [{ tag: 'a' }, { prefix: '/live/show/' }, { url: '/live/' }])
    assert.equal((await plane.call('POST', '/v1/purges', part, accessToken)).status, 202);
  const everything = [
    { all: true },
    { prefix: '/' },
    { prefix: 'https://cdn.example' },
    { prefix: 'https://cdn.example/' },
    { prefix: '/live/' },
    { prefix: '/li' },
    { prefix: '/live/?x' },
    { prefix: 'https://cdn.example/live' },
  ];
  for (const body of everything)
    assertProblem(await plane.call('POST', '/v1/purges', body, accessToken), 403, 'step_up_required');

  const { bearer, secret } = await addPerson(plane, { name: 'anna', role: 'operator' });
  const rotate = async () => plane.call('POST', '/v1/keys/rotate', undefined, bearer);
  assert.equal((await rotate()).status, 201);
  for (const body of everything) assert.equal((await plane.call('POST', '/v1/purges', body, bearer)).status, 202);
  plane.clock.advance(5 * 60_000);
  assertProblem(await rotate(), 403, 'step_up_required');
  const code = codeAt(secret, plane.clock.nowMs());
  assert.equal((await plane.call('POST', '/v1/me/step-up', { code }, bearer)).status, 200);
  assert.equal((await rotate()).status, 201);
  assertProblem(await plane.call('POST', '/v1/me/step-up', { code }, bearer), 403, 'second_factor_wrong');
});

test('a password that an admin gave opens nothing but its change', async () => {
  await using plane = await startTestPlane();
  const made = await plane.call('POST', '/v1/users', { name: 'anna', role: 'admin' });
  const password = made.body['password'] as string;
  assert.ok(password.length >= 20);
  const { accessToken } = await enter(plane, { name: 'anna', password });
  assertProblem(await plane.call('GET', '/v1/streams', undefined, accessToken), 403, 'password_change_required');
  const next = { current: password, next: 'too short' };
  assertProblem(await plane.call('POST', '/v1/me/password', next, accessToken), 400, 'bad_field');
  const same = { current: password, next: password };
  assertProblem(await plane.call('POST', '/v1/me/password', same, accessToken), 400, 'bad_field');
  assert.equal((await plane.call('POST', '/v1/me/password', { ...next, next: OWN }, accessToken)).status, 204);
  assertProblem(await plane.call('GET', '/v1/streams', undefined, accessToken), 401, 'access_token_expired');
  const again = await enter(plane, { name: 'anna', password: OWN });
  assert.equal((await plane.call('GET', '/v1/streams', undefined, again.accessToken)).status, 200);
});

test('a key or an account for some streams sees, makes and mints for those alone', async () => {
  await using plane = await startTestPlane();
  for (const name of ['show', 'sports-1', 'news']) await plane.call('POST', '/v1/streams', { name, policy: 'token' });
  const scope = ['show', 'sports-*'];
  const publisher = await addKey(plane, { role: 'publisher', streams: scope });
  const issuer = await addKey(plane, { role: 'viewer-issuer', streams: scope });
  const { bearer } = await addPerson(plane, { name: 'paul', role: 'publisher', streams: scope });
  for (const asker of [publisher, bearer]) {
    const { streams } = (await plane.call('GET', '/v1/streams', undefined, asker)).body as {
      streams: { stream: string }[];
    };
    assert.deepEqual(
      streams.map(({ stream }) => stream),
      ['show', 'sports-1'],
    );
    assert.equal((await plane.call('GET', '/v1/streams/sports-1', undefined, asker)).status, 200);
    for (const name of ['news', 'nothing'])
      assertProblem(await plane.call('GET', `/v1/streams/${name}`, undefined, asker), 403, 'stream_out_of_scope');
    assertProblem(
      await plane.call('POST', '/v1/streams', { name: 'mine', policy: 'public' }, asker),
      403,
      'stream_out_of_scope',
    );
  }
  assert.equal((await plane.call('POST', '/v1/streams', { name: 'sports-2', policy: 'token' }, publisher)).status, 201);
  assert.equal((await plane.call('POST', '/v1/tokens', { stream: 'show', ttlSeconds: 9 }, issuer)).status, 201);
  assertProblem(
    await plane.call('POST', '/v1/tokens', { stream: 'news', ttlSeconds: 9 }, issuer),
    403,
    'stream_out_of_scope',
  );
  assert.equal((await plane.call('POST', '/v1/revocations', { stream: 'show' }, issuer)).status, 201);
  for (const body of [{ stream: 'news' }, { session: 's1' }])
    assertProblem(await plane.call('POST', '/v1/revocations', body, issuer), 403, 'stream_out_of_scope');
  // What could move an admin's cursor when it is listed.
  assertProblem(await plane.call('POST', '/v1/api-keys', { label: 'a\u001b[2J', role: 'publisher' }), 400, 'bad_field');
  for (const role of ['admin', 'operator']) {
    assertProblem(await plane.call('POST', '/v1/api-keys', { label: 'x', role, streams: scope }), 400, 'bad_field');
    assertProblem(await plane.call('POST', '/v1/users', { name: 'x', role, streams: scope }), 400, 'bad_field');
    assertProblem(await plane.call('PATCH', '/v1/users/paul', { role }), 400, 'bad_field');
  }
});

test('a program that revokes without end leaves operators what they need', async () => {
  await using plane = await startTestPlane({ env: { HEADWATER_MAX_REVOCATIONS: '10' } });
  await plane.call('POST', '/v1/streams', { name: 'show', policy: 'token' });
  const made = await plane.call('POST', '/v1/api-keys', { label: 'backend', role: 'viewer-issuer' });
  const key = made.body['key'] as string;
  const revoke = (session: number) => plane.call('POST', '/v1/revocations', { session: `s${session}` }, key);
  for (let n = 0; n < 8; n += 1) assert.equal((await revoke(n)).status, 201);
  assertProblem(await revoke(8), 429, 'too_many_requests');
  assert.equal((await revoke(7)).status, 201, 'what is revoked already takes no room');
  const { bearer } = await addPerson(plane, { name: 'anna', role: 'operator' });
  assert.equal((await plane.call('POST', '/v1/revocations', { stream: 'show' }, bearer)).status, 201);
});

test('brute force over HTTP is delayed, told of once, and counted; a forged X-Forwarded-For helps nobody', async () => {
  await using plane = await startTestPlane();
  await addPerson(plane, { name: 'anna', role: 'admin' });
  const answers = [];
  for (let n = 0; n < 40; n += 1) {
    const body = JSON.stringify({ name: `user-${n}`, password: `guess ${n}` });
    const headers = { 'x-forwarded-for': `198.51.100.${n}` };
    answers.push(await fetch(`${plane.url}/v1/login`, { method: 'POST', body, headers }));
  }
  const statuses = answers.map(({ status }) => status);
  assert.deepEqual(statuses, [...Array<number>(20).fill(401), ...Array<number>(20).fill(429)]);
  assert.equal(answers[0]?.headers.get('www-authenticate'), 'Bearer');
  assert.equal(answers[20]?.headers.get('retry-after'), '1');
  const alerts = (await audit(plane)).filter(({ alert }) => alert !== null);
  assert.deepEqual(
    alerts.map(({ alert, address, who }) => [alert, address, who.name]),
    [['many_failures', '127.0.0.1', 'unknown']],
  );
  const metrics = await (await fetch(`${plane.url}/metrics`)).text();
  assert.match(metrics, /^headwater_control_logins_total\{outcome="refused"\} 20$/m);
  assert.match(metrics, /^headwater_control_logins_total\{outcome="throttled"\} 20$/m);
  assert.match(metrics, /^headwater_control_login_alerts_total\{alert="many_failures"\} 1$/m);
  assert.ok(plane.log.some((line) => line.includes('"event":"alert"')));
});

test('a flood of log-ins from everywhere is refused beyond what may wait, and costs no account an attempt', async () => {
  const env = { HEADWATER_TRUSTED_PROXIES: '127.0.0.0/8' };
  await using plane = await startTestPlane({ env, hashCost: HASH_COST });
  await plane.call('POST', '/v1/users', { name: 'anna', role: 'operator', password: 'given by the admin' });
  const login = async (n: number, name: string): Promise<Response> => {
    const body = JSON.stringify({ name, password: 'given by the admin' });
    return fetch(`${plane.url}/v1/login`, { method: 'POST', body, headers: { 'x-forwarded-for': `198.51.100.${n}` } });
  };
  const flood = await Promise.all(Array.from({ length: 120 }, (_, n) => login(n, n % 2 === 0 ? `user-${n}` : 'anna')));
  const busy = flood.filter(({ status }) => status === 503);
  assert.ok(busy.length > 0 && busy.length < 120, String(busy.length));
  const [one] = busy as [Response, ...Response[]];
  const { code } = (await one.json()) as { code: string };
  assert.deepEqual([one.headers.get('retry-after'), code], ['1', 'login_busy']);
  assert.ok(flood.every(({ status }) => [200, 401, 429, 503].includes(status)));
  plane.clock.advance(60_000);
  assert.equal((await login(200, 'anna')).status, 200);
});

test('behind a proxy that is trusted, sources are told apart', async () => {
  await using plane = await startTestPlane({ env: { HEADWATER_TRUSTED_PROXIES: '127.0.0.0/8' } });
  await addPerson(plane, { name: 'anna', role: 'operator' });
  for (let n = 0; n < 40; n += 1) {
    const body = JSON.stringify({ name: `user-${n}`, password: `guess ${n}` });
    const headers = { 'x-forwarded-for': `198.51.100.${n}` };
    assert.equal((await fetch(`${plane.url}/v1/login`, { method: 'POST', body, headers })).status, 401);
  }
  const body = JSON.stringify({ name: 'anna', password: 'guess' });
  await fetch(`${plane.url}/v1/login`, { method: 'POST', body, headers: { 'x-forwarded-for': '198.51.100.77' } });
  const [entry] = await audit(plane);
  assert.deepEqual([entry?.outcome, entry?.address], ['login_refused', '198.51.100.77']);
});

test('a refresh token is used up, and its use again ends the session; both stand in the log', async () => {
  await using plane = await startTestPlane();
  const { refreshToken, bearer } = await addPerson(plane, { name: 'anna', role: 'operator' });
  const renew = async (token: string) => plane.call('POST', '/v1/login/refresh', { refreshToken: token }, '');
  const next = await renew(refreshToken);
  assert.equal(next.status, 200);
  assertProblem(await renew(refreshToken), 401, 'refresh_token_reused');
  assertProblem(await renew(next.body['refreshToken'] as string), 401, 'refresh_token_unknown');
  assertProblem(await plane.call('GET', '/v1/me', undefined, bearer), 401, 'access_token_expired');
  assert.deepEqual((await audit(plane))[0]?.alert, 'refresh_reused');
});

test('sessions, accounts and keys are there after a restart, and end when they are taken back', async () => {
  await using plane = await startTestPlane();
  const { bearer } = await addPerson(plane, { name: 'anna', role: 'operator' });
  const key = await addKey(plane, { role: 'operator', ttlSeconds: 3_600 });
  await plane.restart();
  for (const asker of [bearer, key])
    assert.equal((await plane.call('GET', '/v1/streams', undefined, asker)).status, 200);
  const { apiKeys } = (await plane.call('GET', '/v1/api-keys')).body as { apiKeys: { id: string; usedAt: string }[] };
  assert.equal(apiKeys[0]?.usedAt, new Date(plane.clock.nowMs()).toISOString());
  await plane.call('DELETE', `/v1/api-keys/${apiKeys[0]?.id}`);
  assertProblem(await plane.call('GET', '/v1/streams', undefined, key), 401, 'api_key_unknown');
  await plane.call('PATCH', '/v1/users/anna', { disabled: true });
  assertProblem(await plane.call('GET', '/v1/streams', undefined, bearer), 401, 'access_token_expired');
  await plane.call('PATCH', '/v1/users/anna', { disabled: false, secondFactor: false });
  const again = await enter(plane, { name: 'anna', password: OWN });
  await plane.call('DELETE', '/v1/me/sessions/current', undefined, again.accessToken);
  assertProblem(await plane.call('GET', '/v1/me', undefined, again.accessToken), 401, 'access_token_expired');
});

test('replicas over one Redis know the same people, and chain one log', async () => {
  await using redis = await startTestRedis();
  const env = { REDIS_URL: redis.url, HEADWATER_SECRETS_KEY: 'shared by replicas, made by chance' };
  // What replicas do is tried here, not how soon they give a busy Redis up.
  await using one = await startTestPlane({ env, storeDeadlineMs: 5_000 });
  await using two = await startTestPlane({ env, storeDeadlineMs: 5_000 });
  const person: TestPerson = await addPerson(one, { name: 'anna', role: 'admin' });
  assert.equal((await two.call('GET', '/v1/me', undefined, person.bearer)).status, 200);
  two.clock.advance(60_000);
  const login = { name: 'anna', password: OWN, code: codeAt(person.secret, two.clock.nowMs()) };
  const there = await enter(two, login);
  assertProblem(await two.call('POST', '/v1/login', login, ''), 403, 'second_factor_wrong');
  await Promise.all(
    Array.from({ length: 20 }, async (_, n) => {
      await one.call('POST', '/v1/streams', { name: `one-${n}`, policy: 'token' }, person.bearer);
      await two.call('POST', '/v1/streams', { name: `two-${n}`, policy: 'token' }, there.accessToken);
    }),
  );
  const verdict = (await one.call('GET', '/v1/audit/verification')).body as {
    entries: number;
    brokenAt: number | null;
  };
  assert.equal(verdict.brokenAt, null);
  const made = (await audit(two)).filter(({ action, outcome }) => action === 'POST /v1/streams' && outcome === 'done');
  assert.equal(made.length, 40);
  await one.call('DELETE', '/v1/users/anna', undefined, person.bearer);
  assertProblem(await two.call('GET', '/v1/me', undefined, there.accessToken), 401, 'access_token_expired');
});

test('a request that is sent again under its key is told as that, and makes one account', async () => {
  await using plane = await startTestPlane();
  const send = async (): Promise<Response> =>
    fetch(`${plane.url}/v1/users`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN}`, 'idempotency-key': 'once' },
      body: JSON.stringify({ name: 'anna', role: 'admin' }),
    });
  const [first, again] = [await (await send()).text(), await (await send()).text()];
  assert.equal(first, again);
  assert.deepEqual(
    (await audit(plane)).map(({ outcome }) => outcome),
    ['replayed', 'done'],
  );
  // Another principal's key is another key, and its permissions are looked at first.
  const key = await addKey(plane, { role: 'publisher' });
  const stolen = await fetch(`${plane.url}/v1/users`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'idempotency-key': 'once' },
    body: JSON.stringify({ name: 'anna', role: 'admin' }),
  });
  assert.equal(stolen.status, 403);
});

test('an account is changed by condition', async () => {
  await using plane = await startTestPlane();
  await addUser(plane, { name: 'anna', role: 'operator' });
  const tag = (await plane.call('GET', '/v1/users/anna')).headers.get('etag') ?? '';
  const change = async (method: string, ifMatch: string): Promise<number> => {
    const headers = { authorization: `Bearer ${ADMIN}`, 'if-match': ifMatch };
    const body = method === 'PATCH' ? { body: JSON.stringify({ role: 'publisher' }) } : {};
    return (await fetch(`${plane.url}/v1/users/anna`, { method, headers, ...body })).status;
  };
  assert.equal(await change('PATCH', '"other"'), 412);
  assert.equal(await change('PATCH', tag), 200);
  assert.equal(await change('DELETE', tag), 412);
  const now = (await plane.call('GET', '/v1/users/anna')).headers.get('etag') ?? '';
  assert.equal(await change('DELETE', now), 204);
});
