import assert from 'node:assert/strict';
import { createHmac, createPrivateKey, createSecretKey, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { SignJWT, jwtVerify } from 'jose';
import type { Issuer } from './feed.ts';
import { type SigningKey, isSignedBy, parseJws } from './jws.ts';
import { type SessionClaims, type SessionExpectation, mintSessionToken, verifySessionToken } from './session-token.ts';

const SECRET = Buffer.alloc(32, 7);
const ED = generateKeyPairSync('ed25519');
const EC = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const ISSUERS: readonly Issuer[] = [
  { iss: 'hs', alg: 'HS256', secret: SECRET.toString('base64url') },
  { iss: 'ec', alg: 'ES256', jwk: EC.publicKey.export({ format: 'jwk' }) },
  { iss: 'ed', alg: 'EdDSA', jwk: ED.publicKey.export({ format: 'jwk' }) },
];
const SIGNERS: readonly SigningKey[] = [
  { iss: 'hs', alg: 'HS256', key: createSecretKey(SECRET) },
  { iss: 'ec', alg: 'ES256', key: EC.privateKey },
  { iss: 'ed', alg: 'EdDSA', key: ED.privateKey },
];
const HS = SIGNERS[0] as SigningKey;

const CLAIMS: SessionClaims = {
  exp: 2_000,
  nbf: 1_000,
  iat: 1_000,
  cdniuc: 'regex:https?://[^/]+/live/show/.*',
  hwsid: 'viewer-1',
};
const REQUEST: SessionExpectation = {
  uri: 'http://geo.example:7100/live/show/master.m3u8',
  scope: 'live/show',
  address: '203.0.113.7',
  nowMs: 1_500_000,
  issuers: new Map(ISSUERS.map((issuer) => [issuer.iss, issuer])),
};

function outcome(token: string, request: Partial<SessionExpectation> = {}): string {
  const verdict = verifySessionToken(token, { ...REQUEST, ...request });
  return verdict.ok ? 'ok' : verdict.code;
}

/** Signs whatever it is given, as a careless or malicious issuer with a good secret could. */
function signed(claims: object, header: object = { alg: 'HS256' }): string {
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`;
}

test('every algorithm verifies what it signed, and jose agrees both ways', async () => {
  for (const signer of SIGNERS) {
    const token = mintSessionToken({ ...CLAIMS, hwip: '203.0.113.0/24' }, signer);
    assert.deepEqual(verifySessionToken(token, REQUEST), {
      ok: true,
      session: {
        id: 'viewer-1',
        issuer: signer.iss,
        expiresS: 2_000,
        issuedS: 1_000,
        bind: '203.0.113.0/24',
        container: CLAIMS.cdniuc,
        scope: null,
      },
      uriSigning: 200,
    });
    const publicKey = signer.alg === 'HS256' ? SECRET : signer.alg === 'ES256' ? EC.publicKey : ED.publicKey;
    const read = await jwtVerify(token, publicKey, { currentDate: new Date(REQUEST.nowMs), issuer: signer.iss });
    assert.equal(read.payload['hwsid'], 'viewer-1');
    const foreign = await new SignJWT({ ...CLAIMS, aud: 'headwater', iss: signer.iss })
      .setProtectedHeader({ alg: signer.alg })
      .sign(signer.alg === 'HS256' ? SECRET : signer.key);
    assert.equal(outcome(foreign), 'ok');
  }
});

test('each thing that does not fit has its code and its CDNI log value', () => {
  const without = (name: string) =>
    Object.fromEntries(Object.entries({ iss: 'hs', ...CLAIMS }).filter(([key]) => key !== name));
  const withClaims = (claims: object) => signed({ iss: 'hs', ...CLAIMS, ...claims });
  const cases: [what: string, token: string, code: string, request?: Partial<SessionExpectation>][] = [
    ['at nbf', withClaims({}), 'ok', { nowMs: 1_000_000 }],
    ['before nbf', withClaims({}), 'session_not_yet_valid', { nowMs: 999_999 }],
    ['just before exp', withClaims({}), 'ok', { nowMs: 1_999_999 }],
    ['at exp', withClaims({}), 'session_expired', { nowMs: 2_000_000 }],
    ['no exp', signed(without('exp')), 'session_expired'],
    ['no nbf', signed(without('nbf')), 'ok'],
    ['exp as text', withClaims({ exp: '2000' }), 'session_malformed'],
    ['exp in milliseconds', withClaims({ exp: 1_900_000_000_000 }), 'session_malformed'],
    ['exp beyond numbers', withClaims({ exp: 1e300 }), 'session_malformed'],
    ['exp infinite', withClaims({ exp: null }), 'session_malformed'],
    ['no iss', signed(CLAIMS), 'session_issuer'],
    ['strange iss', withClaims({ iss: 'nobody' }), 'session_issuer'],
    ['iss as a list', withClaims({ iss: ['hs'] }), 'session_issuer'],
    ['aud for us', withClaims({ aud: 'headwater' }), 'ok'],
    ['aud of many', withClaims({ aud: ['x', 'headwater'] }), 'ok'],
    ['aud by configuration', withClaims({ aud: 'cdn.example' }), 'ok', { audience: 'cdn.example' }],
    ['aud for others', withClaims({ aud: 'dCDN LLC' }), 'session_audience'],
    ['version 1', withClaims({ cdniv: 1 }), 'ok'],
    ['version 2', withClaims({ cdniv: 2 }), 'session_version'],
    ['version as text', withClaims({ cdniv: '1' }), 'session_version'],
    ['critical, ours', withClaims({ cdnicrit: 'hwsid' }), 'ok'],
    ['critical, strange', withClaims({ cdnicrit: 'hwsid,zz', zz: 1 }), 'session_critical'],
    ['critical, not there', withClaims({ cdnicrit: 'hwip' }), 'session_critical'],
    ['critical, defined', withClaims({ cdnicrit: 'exp' }), 'session_critical'],
    ['critical, twice', withClaims({ cdnicrit: 'hwsid,hwsid' }), 'session_critical'],
    ['critical, empty', withClaims({ cdnicrit: '' }), 'session_critical'],
    ['critical in the header', signed({ iss: 'hs', ...CLAIMS }, { alg: 'HS256', crit: ['x'] }), 'session_critical'],
    ['plain subject', withClaims({ sub: 'alice' }), 'session_subject'],
    ['encrypted subject', withClaims({ sub: 'aa..bb.cc.dd' }), 'ok'],
    ['cdniip', withClaims({ cdniip: 'aa..bb.cc.dd' }), 'session_address'],
    ['bound, inside', withClaims({ hwip: '203.0.113.0/24' }), 'ok'],
    ['bound, outside', withClaims({ hwip: '203.0.113.0/24' }), 'session_address', { address: '203.0.114.1' }],
    ['bound to nonsense', withClaims({ hwip: 'x' }), 'session_address'],
    ['no transport', withClaims({ cdnistt: 0, cdniets: 30 }), 'ok'],
    ['renewal by cookie', withClaims({ cdnistt: 1, cdniets: 30 }), 'session_transport'],
    ['transport alone', withClaims({ cdnistt: 0 }), 'session_transport'],
    ['time setting alone', withClaims({ cdniets: 30 }), 'session_transport'],
    ['time setting as text', withClaims({ cdnistt: 0, cdniets: '30' }), 'session_transport'],
    ['negative depth', withClaims({ cdnistd: -1 }), 'session_transport'],
    ['another stream', withClaims({}), 'session_container', { uri: 'http://h/live/other/master.m3u8' }],
    ['of this stream alone', withClaims({ hwscope: 'live/show' }), 'ok'],
    ['of the zone called like it', withClaims({ hwscope: 'zone/show' }), 'session_container'],
    ['of nothing', withClaims({ hwscope: null }), 'session_container'],
    ['no container', signed(without('cdniuc')), 'session_container'],
    ['container as a number', withClaims({ cdniuc: 5 }), 'session_container'],
    ['jti without a guard', withClaims({ jti: 'n1' }), 'session_replayed'],
    ['jti as a number', withClaims({ jti: 5 }), 'session_malformed'],
    ['session id with a dot', withClaims({ hwsid: 'a.b' }), 'session_malformed'],
    [
      'none',
      `${signed({ iss: 'hs', ...CLAIMS }, { alg: 'none' })
        .split('.')
        .slice(0, 2)
        .join('.')}.`,
      'session_malformed',
    ],
    ['none, signed', signed({ iss: 'hs', ...CLAIMS }, { alg: 'none' }), 'session_signature'],
    ['another algorithm', signed({ iss: 'hs', ...CLAIMS }, { alg: 'HS512' }), 'session_signature'],
    ['no algorithm', signed({ iss: 'hs', ...CLAIMS }, {}), 'session_signature'],
    ['nothing', '', 'session_malformed'],
    ['not JSON', 'e30.bm8.AA', 'session_malformed'],
    ['a list', `e30.${Buffer.from('[]').toString('base64url')}.AA`, 'session_malformed'],
    ['too long', withClaims({ pad: 'x'.repeat(4_096) }), 'session_malformed'],
  ];
  const logged = new Map<string, number>();
  for (const [what, token, code, request] of cases) {
    const verdict = verifySessionToken(token, { ...REQUEST, ...request });
    assert.equal(verdict.ok ? 'ok' : verdict.code, code, what);
    logged.set(code, verdict.uriSigning);
  }
  assert.deepEqual(
    [...logged.values()].sort((a, b) => a - b),
    [200, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 500],
  );
});

test('a public key does not serve as an HMAC secret, nor one issuer for another', () => {
  const asSecret = Buffer.from(JSON.stringify(ISSUERS[1]?.jwk));
  const text = [{ alg: 'HS256' }, { iss: 'ec', ...CLAIMS }]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  assert.equal(
    outcome(`${text}.${createHmac('sha256', asSecret).update(text).digest('base64url')}`),
    'session_signature',
  );
  const confused = mintSessionToken({ ...CLAIMS }, { ...HS, iss: 'ec' });
  assert.equal(outcome(confused), 'session_signature');
  assert.equal(outcome(mintSessionToken(CLAIMS, { iss: 'ed', alg: 'ES256', key: EC.privateKey })), 'session_signature');
});

test('a jti is good once for the same content, and a refused token is not used up', () => {
  const used = new Set<string>();
  const replay = { firstUse: (use: string) => !used.has(use) && used.add(use) !== undefined };
  const token = mintSessionToken({ ...CLAIMS, jti: 'n1' }, HS);
  assert.equal(outcome(token, { replay, nowMs: 999_999 }), 'session_not_yet_valid');
  assert.equal(outcome(token, { replay }), 'ok');
  assert.equal(outcome(token, { replay }), 'session_replayed');
  assert.equal(outcome(token, { replay, uri: `${REQUEST.uri}?URISigningPackage=${token}` }), 'session_replayed');
  assert.equal(outcome(token, { replay, uri: 'https://other/live/show/master.m3u8?x' }), 'session_replayed');
  assert.equal(outcome(token, { replay, uri: 'http://h/live/show/manifest.mpd' }), 'ok');
});

test('a token issued ahead of our clock counts as issued now', () => {
  const verdict = verifySessionToken(mintSessionToken({ ...CLAIMS, iat: 1_999 }, HS), REQUEST);
  assert.ok(verdict.ok && verdict.session.issuedS === 1_500);
});

test('a token without a session id has one of its own, the same each time', () => {
  const { hwsid: _, ...claims } = CLAIMS;
  const [one, again, other] = [claims, claims, { ...claims, iat: 1_001 }].map((each) => {
    const verdict = verifySessionToken(mintSessionToken(each, HS), REQUEST);
    return verdict.ok ? verdict.session.id : verdict.code;
  });
  assert.match(one ?? '', /^[A-Za-z0-9_-]{22}$/);
  assert.equal(one, again);
  assert.notEqual(one, other);
});

test('each single character of a token counts, the spare bits of the last one included', () => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  for (const signer of [SIGNERS[0], SIGNERS[2]] as SigningKey[]) {
    const token = mintSessionToken(CLAIMS, signer);
    for (let at = 0; at < token.length; at += 1) {
      for (const char of at === token.length - 1 ? alphabet : 'AQgwz09_-.') {
        if (token[at] !== char) assert.notEqual(outcome(token.slice(0, at) + char + token.slice(at + 1)), 'ok');
      }
    }
  }
});

/** RFC 9246 Appendix A, its key and its tokens. */
const RFC = {
  issuer: {
    iss: 'uCDN Inc',
    alg: 'ES256',
    jwk: {
      kty: 'EC',
      kid: 'P5UpOv0eMq1wcxLf7WxIg09JdSYGYFDOWkldueaImf0',
      use: 'sig',
      alg: 'ES256',
      crv: 'P-256',
      x: 'be807S4O7dzB6I4hTiCUvmxCI6FuxWba1xYBlLSSsZ8',
      y: 'rOGC4vI69g-WF9AGEVI37sNNwbjIzBxSjLvIL7f3RBA',
    },
  } satisfies Issuer,
  privateExponent: 'yaowezrCLTU6yIwUL5RQw67cHgvZeMTLVZXjUGb1A1M',
  header: 'eyJhbGciOiJFUzI1NiIsImtpZCI6IlA1VXBPdjBlTXExd2N4TGY3V3hJZzA5SmRTWUdZRkRPV2tsZHVlYUltZjAifQ',
  simple:
    'eyJleHAiOjE2NDY4NjczNjksImlzcyI6InVDRE4gSW5jIiwiY2RuaXVjIjoiaGFzaDpzaGEtMjU2OzJ0ZGVyZldQYTg2S3U3WW56VzUxWVVwN2RHVWpCU18zU1czRUx4NGhtV1kifQ.TaNlJM3D96i_9J9XvlICO6FUIDFTqt3E2YJkEUOLfcH0b89wYRKTbJ9Yj6h_GRgSoZoQO0cps3yUPcWGK3smCw',
  complex:
    'eyJhdWQiOiJkQ0ROIExMQyIsInN1YiI6ImV5SmxibU1pT2lKQk1USTRSME5OSWl3aVlXeG5Jam9pWkdseUlpd2lhMmxrSWpvaVppMVhZbXA0UWtNelpGQjFTVE5rTWpSclVESm9ablp2Y3pkUmVqWTRPRlZVYVRaaFFqQm9Uams1T0NKOS4uQ0xBdTgweGNsYzhCcC1VaS42UDFBM0Y2aXAyRHYuQ29oZHRMTHBnQm5UdlJKUUNGdXotZyIsImNkbmlpcCI6ImV5SmxibU1pT2lKQk1USTRSME5OSWl3aVlXeG5Jam9pWkdseUlpd2lhMmxrSWpvaVppMVhZbXA0UWtNelpGQjFTVE5rTWpSclVESm9ablp2Y3pkUmVqWTRPRlZVYVRaaFFqQm9Uams1T0NKOS4uYVVEREZFUUJJYzNuV2pPYi5iR1hXVEhQa250bVBDS24wcFBQTkVRLml5VHR0bkZ5Yk8yWUJMcXdsX1lTakEiLCJjZG5pdiI6MSwiZXhwIjoxNjQ2ODY3MzY5LCJpYXQiOjE2NDY2OTQ1NjksImlzcyI6InVDRE4gSW5jIiwianRpIjoiNURBYWZMaFpBZmhzYmUiLCJuYmYiOjE2NDY3ODA5NjksImNkbml1YyI6InJlZ2V4Omh0dHA6Ly9jZG5pXFwuZXhhbXBsZS9mb28vYmFyL1swLTldezN9XFwucG5nIn0.IjmVX0uD5MYqArc-M08uEsEeoDQn8kuYXZ9HGHDmDDxsHikT0c8jcX8xYD0z3LzQclMG65i1kT2sRbZ7isUw8w',
  renewal:
    'eyJjZG5pZXRzIjozMCwiY2RuaXN0dCI6MSwiY2RuaXN0ZCI6MiwiZXhwIjoxNjQ2ODY3MzY5LCJjZG5pdWMiOiJyZWdleDpodHRwOi8vY2RuaVxcLmV4YW1wbGUvZm9vL2Jhci9bMC05XXszfVxcLnRzIn0.tlPvoKw3BCClw4Lx9PQu7MK6b2IN55ZoCPSaxovGK0zS53Wpb1MbJBow7G8LiGR39h6-2Iq7PWUSr3MdTIzHYw',
  renewed:
    'eyJjZG5pZXRzIjozMCwiY2RuaXN0dCI6MSwiY2RuaXN0ZCI6MiwiZXhwIjoxNjQ2ODY3Mzk5LCJjZG5pdWMiOiJyZWdleDpodHRwOi8vY2RuaVxcLmV4YW1wbGUvZm9vL2Jhci9bMC05XXszfVxcLnRzIn0.ivY5d_fKGd-OHTpUs8uJUrnHvt-rduzu5H4zM7167pUUAghub53FqDQ5G16jRYX2sY73mA_uLpYDdb-CPts8FA',
};

test('the four tokens of RFC 9246 Appendix A are signed as it says', () => {
  for (const token of [RFC.simple, RFC.complex, RFC.renewal, RFC.renewed]) {
    const jws = parseJws(`${RFC.header}.${token}`);
    assert.ok(jws !== null && isSignedBy(jws, RFC.issuer));
    assert.ok(!isSignedBy({ ...jws, signed: `${jws.signed}A` }, RFC.issuer));
  }
});

test('Appendix A.1 is accepted for its URI alone, to the second', () => {
  const request = {
    uri: `http://cdni.example/foo/bar?URISigningPackage=${RFC.header}.${RFC.simple}`,
    issuers: new Map([[RFC.issuer.iss, RFC.issuer]]),
    nowMs: 1_646_867_368_999,
  };
  const token = `${RFC.header}.${RFC.simple}`;
  assert.equal(outcome(token, request), 'ok');
  assert.equal(outcome(token, { ...request, nowMs: 1_646_867_369_000 }), 'session_expired');
  assert.equal(outcome(token, { ...request, uri: 'http://cdni.example/foo/baz' }), 'session_container');
});

test('Appendix A.2 is refused for its encrypted address, and without it accepted from nbf on', () => {
  const request = {
    uri: 'http://cdni.example/foo/bar/123.png',
    issuers: new Map([[RFC.issuer.iss, RFC.issuer]]),
    audience: 'dCDN LLC',
    nowMs: 1_646_780_969_000,
    replay: { firstUse: () => true },
  };
  assert.equal(outcome(`${RFC.header}.${RFC.complex}`, request), 'session_address');
  const published = parseJws(`${RFC.header}.${RFC.complex}`);
  assert.ok(published !== null);
  const { cdniip: _, ...claims } = published.payload as unknown as SessionClaims & { readonly cdniip: string };
  const key = createPrivateKey({ key: { ...RFC.issuer.jwk, d: RFC.privateExponent }, format: 'jwk' });
  const token = mintSessionToken(claims, { iss: 'uCDN Inc', alg: 'ES256', key });
  assert.equal(outcome(token, request), 'ok');
  assert.equal(outcome(token, { ...request, nowMs: 1_646_780_968_999 }), 'session_not_yet_valid');
  assert.equal(outcome(token, { ...request, uri: 'http://cdni.example/foo/bar/12.png' }), 'session_container');
});

test('Appendix A.3 is refused: it names no issuer, and its renewal is not ours', () => {
  const request = { uri: 'http://cdni.example/foo/bar/123.ts', nowMs: 1_646_867_000_000 };
  const issuers = new Map([['uCDN Inc', RFC.issuer]]);
  assert.equal(outcome(`${RFC.header}.${RFC.renewal}`, { ...request, issuers }), 'session_issuer');
});
