/** A customer's backend mints session tokens by itself, with a library of its own; the door takes them for what they say. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import type { Problem } from '@headwater/protocol/problem';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWTPayload } from 'jose';
import { startFleet, type Fleet } from '../fleet/fleet.ts';
import { read } from '../fleet/stream-reader.ts';
import { until } from '../fleet/until.ts';

/** What signs, and with which algorithm. */
interface Backend {
  readonly iss: string;
  readonly alg: 'HS256' | 'ES256' | 'EdDSA';
  readonly key: CryptoKey | Uint8Array;
}

suite('issuers', () => {
  let fleet: Fleet;
  const backends: Backend[] = [];

  before(async () => {
    fleet = await startFleet({ edges: 1 });
    await fleet.putOnAir('show');
    const secret = randomBytes(32);
    await register({ iss: 'https://hs.example', alg: 'HS256', secret: secret.toString('base64url') });
    backends.push({ iss: 'https://hs.example', alg: 'HS256', key: secret });
    for (const alg of ['ES256', 'EdDSA'] as const) {
      const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
      await register({ iss: `https://${alg}.example`, alg, jwk: await exportJWK(publicKey) });
      backends.push({ iss: `https://${alg}.example`, alg, key: privateKey });
    }
    for (const backend of backends) {
      await until(`the door to know ${backend.iss}`, 5_000, async () => (await ask(backend, claims())).status === 307);
    }
  });
  after(() => fleet?.[Symbol.asyncDispose]());

  const register = async (issuer: object): Promise<void> => {
    const response = await fleet.api.request('POST', '/v1/issuers', issuer);
    assert.equal(response.status, 201, await response.text());
  };
  const claims = (over: JWTPayload = {}): JWTPayload => {
    const nowS = Math.floor(Date.now() / 1000);
    return {
      cdniv: 1,
      exp: nowS + 60,
      cdniuc: 'regex:http://[^/]*/live/show/.*',
      hwsid: 'customer-session-1',
      ...over,
    };
  };
  const ask = async ({ iss, alg, key }: Backend, payload: JWTPayload): ReturnType<typeof read> => {
    const token = await new SignJWT({ iss, ...payload }).setProtectedHeader({ alg, typ: 'JWT' }).sign(key);
    return read(`${fleet.plan.geoUrl}/live/show/master.m3u8?URISigningPackage=${token}`);
  };
  const codeOf = ({ body }: Awaited<ReturnType<typeof read>>): string =>
    (JSON.parse(Buffer.from(body).toString()) as Problem).code;

  for (const alg of ['HS256', 'ES256', 'EdDSA']) {
    test(`${alg}: let in, and the way leads to a picture`, async () => {
      const backend = backends.find((candidate) => candidate.alg === alg) as Backend;
      const answer = await ask(backend, claims());
      assert.equal(answer.status, 307);
      const playlist = await read(answer.headers.get('location') ?? '');
      assert.equal(playlist.status, 200);
      assert.match(Buffer.from(playlist.body).toString(), /^#EXTM3U/);
    });

    test(`${alg}: what the claims forbid is refused by its own code`, async () => {
      const backend = backends.find((candidate) => candidate.alg === alg) as Backend;
      const nowS = Math.floor(Date.now() / 1000);
      const wrong: readonly [JWTPayload, string][] = [
        [{ exp: nowS - 1 }, 'session_expired'],
        [{ nbf: nowS + 60 }, 'session_not_yet_valid'],
        [{ cdniuc: 'regex:http://[^/]*/live/other/.*' }, 'session_container'],
        [{ cdniv: 2 }, 'session_version'],
        [{ cdnicrit: 'unheard-of' }, 'session_critical'],
        [{ iss: 'https://nobody.example' }, 'session_issuer'],
      ];
      for (const [over, code] of wrong) {
        const answer = await ask(backend, claims(over));
        assert.equal(answer.status, 403, code);
        assert.equal(codeOf(answer), code);
      }
    });

    test(`${alg}: another's key does not sign for this issuer`, async () => {
      const backend = backends.find((candidate) => candidate.alg === alg) as Backend;
      const key = alg === 'HS256' ? randomBytes(32) : (await generateKeyPair(alg)).privateKey;
      const answer = await ask({ ...backend, key }, claims());
      assert.equal(answer.status, 403);
      assert.equal(codeOf(answer), 'session_signature');
    });
  }
});
