import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { IDLE_LOAD } from '@headwater/protocol/node';
import { nodeKeyOf, signNodeProof } from '@headwater/protocol/node-credential';
import { Metrics } from '@headwater/service/metrics';
import { Validator } from '@seriousme/openapi-schema-validator';
import { z } from 'zod';
import { createApp } from '../app.ts';
import { readConfig } from '../config.ts';
import { codeAt } from '../people/test-people.ts';
import type { Services } from '../services.ts';
import { OWN, addPerson } from '../test-accounts.ts';
import { startTestGeo } from '../test-geo.ts';
import { type TestPlane, joinAs, startTestPlane, testJoin } from '../test-plane.ts';
import { openApiDocument } from './openapi.ts';
import type { Document } from './test-conformance.ts';

test('the document is OpenAPI 3.1 for a validator that is not ours', async () => {
  await using plane = await startTestPlane();
  const { status, body } = await plane.call('GET', '/v1/openapi.json', undefined, '');
  assert.equal(status, 200);
  assert.equal(body['openapi'], '3.1.0');
  const verdict = await new Validator().validate(structuredClone(body));
  assert.deepEqual(verdict, { valid: true });
  // It bites.
  const broken = { ...body, paths: { '/x': { get: { operationId: 1 } } } };
  assert.equal((await new Validator().validate(broken)).valid, false);
});

test('what is served is in the document, and the reverse', async () => {
  await using plane = await startTestPlane();
  const { paths } = (await plane.call('GET', '/v1/openapi.json')).body as unknown as Document;
  const documented = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const config = readConfig({});
  const app = createApp({ config, stopping: AbortSignal.any([]) } as Services, new Metrics());
  const served = app.routes
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
  assert.deepEqual(documented.toSorted(), served.toSorted());
  assert.ok(served.length > 30, String(served.length));
  const ids = Object.values(paths).flatMap((methods) => Object.values(methods).map(({ operationId }) => operationId));
  assert.equal(new Set(ids).size, ids.length, 'operation ids are unique');
});

test('every operation succeeds as its part of the document says', async () => {
  await using plane = await startTestPlane({ feedWaitMs: 10 });
  const { paths } = (await plane.call('GET', '/v1/openapi.json')).body as unknown as Document;
  await callAll(plane);
  await callPeople(plane);
  const wanted = Object.values(paths)
    .flatMap((methods) => Object.values(methods))
    .flatMap(({ operationId, responses }) => {
      const success = Object.keys(responses).filter((status) => status.startsWith('2'));
      return success.map((status) => `${operationId} ${status}`);
    });
  assert.deepEqual(
    wanted.filter((one) => !plane.conformance.seen.has(one)),
    [],
  );
});

/** Asks for everything once; the plane's rig holds each answer against the document. */
async function callAll(plane: TestPlane): Promise<void> {
  const { call } = plane;
  for (const path of ['/healthz', '/readyz', '/metrics']) await call('GET', path);
  const key = generateKeyPairSync('ed25519').privateKey;
  const edge = { ...testJoin(), publicKey: nodeKeyOf(key) };
  const { token } = (await call('POST', '/v1/join-tokens', { role: 'edge', zone: 'eu' })).body as { token: string };
  await call('POST', '/v1/nodes/join', edge, token);
  const proof = signNodeProof('edge-1', plane.clock.nowMs(), key);
  const renewed = await call('POST', '/v1/nodes/edge-1/credential', { ...edge, proof, starting: false }, '');
  const credential = renewed.body['credential'] as string;
  const origin = await joinAs(plane, { id: 'origin-1', role: 'origin', rtmpUrl: 'rtmp://h:1' });
  const ladder = { rungs: [{ height: 720, bitsPerSecond: 2_000_000 }], audioBitsPerSecond: 128_000 };
  const made = await call('POST', '/v1/streams', { name: 'show', policy: 'token', ladder });
  const claim = { stream: 'show', key: made.body['key'], origin: 'origin-1' };
  await call('POST', '/v1/publishes', claim, origin);
  await call('POST', '/v1/tokens', { stream: 'show', ttlSeconds: 60 });
  const site = { origins: ['http://o'], policy: 'public' };
  await call('POST', '/v1/zones', { name: 'site', ...site });
  await call('PUT', '/v1/zones/site', site);
  await call('POST', '/v1/tokens', { zone: 'site', ttlSeconds: 60 });
  await call('POST', '/v1/revocations', { zone: 'site' });
  const jwk = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
  await using geo = await startTestGeo();
  await joinAs(plane, { id: 'geo-1', role: 'geo', url: geo.url });
  await call('GET', '/v1/explain?ip=203.0.113.7&stream=show');
  await call('POST', '/v1/issuers', { iss: 'backend', alg: 'EdDSA', jwk });
  await call('POST', '/v1/revocations', { session: 's1' });
  await call('POST', '/v1/revocations', { stream: 'show' });
  await call('POST', '/v1/keys/rotate');
  const purge = await call('POST', '/v1/purges', { tag: 'stream:show' });
  await call('GET', purge.headers.get('location') ?? '');
  const settings = { edgeDeadlineMs: 900, ranking: { rules: [{ zones: ['eu'] }] } };
  for (const sharePercent of [100, 10]) await call('POST', '/v1/configs', { settings, sharePercent });
  await call('POST', '/v1/configs', { scope: 'show', settings });
  await call('GET', '/v1/configs/*/versions/2');
  // Everything that the log can tell, and what it tells of as a snapshot.
  const snapshot = await call('GET', '/v1/feed', undefined, credential);
  const beat = { cursor: snapshot.body['cursor'], load: IDLE_LOAD, draining: false };
  await call('POST', '/v1/nodes/edge-1/heartbeat', beat, credential);
  for (const path of [
    'streams',
    'streams/show',
    'zones',
    'zones/site',
    'issuers',
    'issuers/backend',
    'nodes',
    'nodes/edge-1',
    'configs',
    'configs/*',
  ]) {
    await call('GET', `/v1/${path}`);
  }
  await call('POST', '/v1/nodes/edge-1/drain');
  await call('POST', '/v1/configs/*/promote');
  await call('POST', '/v1/configs/*/rollback', { version: 1 });
  await call('DELETE', '/v1/publishes/show', undefined, origin);
  const { joinTokens } = (await call('GET', '/v1/join-tokens')).body as { joinTokens: { id: string }[] };
  await call('GET', `/v1/join-tokens/${joinTokens[0]?.id}`);
  await call('DELETE', `/v1/join-tokens/${joinTokens[0]?.id}`);
  await call('DELETE', '/v1/issuers/backend');
  await call('DELETE', '/v1/streams/show');
  await call('DELETE', '/v1/zones/site');
  await call('POST', '/v1/purges', { all: true });
  await call('GET', `/v1/feed?cursor=${String(beat.cursor)}`, undefined, credential);
  await call('DELETE', '/v1/nodes/edge-1');
}

/** The same for people. */
async function callPeople(plane: TestPlane): Promise<void> {
  const { call, clock } = plane;
  const { bearer, refreshToken, secret } = await addPerson(plane, { name: 'anna', role: 'admin' });
  await call('POST', '/v1/login/refresh', { refreshToken }, '');
  for (const path of ['me', 'me/sessions', 'users', 'users/anna', 'audit', 'audit/verification'])
    await call('GET', `/v1/${path}`, undefined, bearer);
  clock.advance(60_000);
  await call('POST', '/v1/me/step-up', { code: codeAt(secret, clock.nowMs()) }, bearer);
  await call('POST', '/v1/users', { name: 'bert', role: 'publisher', streams: ['show'] }, bearer);
  await call('PATCH', '/v1/users/bert', { streams: null }, bearer);
  await call('DELETE', '/v1/users/bert', undefined, bearer);
  const made = await call('POST', '/v1/api-keys', { label: 'ci', role: 'publisher', streams: ['a*'] }, bearer);
  await call('GET', '/v1/api-keys', undefined, bearer);
  await call('DELETE', made.headers.get('location') ?? '', undefined, bearer);
  clock.advance(60_000);
  const code = codeAt(secret, clock.nowMs());
  await call('POST', '/v1/me/second-factor/remove', { password: OWN, code }, bearer);
  await call('DELETE', '/v1/me/sessions/current', undefined, bearer);
}

test('of two schemas under one name only equal ones pass', () => {
  const operation = (path: string, schema: z.ZodType) =>
    ({ id: path, method: 'GET', path, tag: 'service', access: 'open', summary: '', answers: { 200: schema } }) as const;
  const one = z.strictObject({ a: z.string() }).meta({ id: 'TestOne' });
  openApiDocument([operation('/a', one), operation('/b', z.array(one))], '1');
  const wants = z.strictObject({ a: z.string().default('') }).meta({ id: 'TestTwo' });
  const both = { ...operation('/a', wants), body: wants };
  assert.throws(() => openApiDocument([both], '1'), /two schemas are named TestTwo/);
});
