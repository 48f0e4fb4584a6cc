/** Whatever is sent to an HTTP port: a clear error with a code at the right status, in time, and nobody else notices. */

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { PROBLEM_STATUS, type Problem, type ProblemCode } from '@headwater/protocol/problem';
import { startFleet, type Fleet } from '../fleet/fleet.ts';
import { askRaw, requestText, type RawAnswer } from '../fleet/raw-http.ts';

const DEADLINE_MS = 3_000;
/** Within it a server gives up on a request whose head never ends. */
const HEAD_DEADLINE_MS = 15_000;
/** Beyond what any of our servers reads of a URL or of headers. */
const LONG = 70_000;

type ServiceName = 'control-plane' | 'geo' | 'origin' | 'edge-1';

interface Hostile {
  readonly name: string;
  readonly bytes: string | Uint8Array;
  /** any one of these */
  readonly codes: readonly ProblemCode[];
}

/** To every server alike. */
const TO_ALL: readonly Hostile[] = [
  hostile('no HTTP at all', 'hello\r\n\r\n', 'bad_request'),
  hostile('TLS on a plain port', Buffer.from('16030100c8010000c40303', 'hex'), 'bad_request'),
  hostile('bytes of nothing', Buffer.alloc(4_096), 'bad_request'),
  hostile('an unknown method', requestText('BREW', '/'), 'bad_request', 'method_not_allowed', 'not_found'),
  hostile('a known method that nobody offers', requestText('PATCH', '/healthz'), 'method_not_allowed', 'not_found'),
  hostile('a header without a colon', 'GET / HTTP/1.1\r\nHost: x\r\nbroken\r\n\r\n', 'bad_request'),
  hostile(
    'two lengths',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
    'bad_request',
  ),
  hostile(
    'a length and chunks, as a smuggler writes it',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n',
    'bad_request',
  ),
  hostile('headers that are too large', requestText('GET', '/', { x: 'a'.repeat(LONG) }), 'headers_too_large'),
  hostile('a URL that is too long', requestText('GET', `/${'a'.repeat(LONG)}`), 'uri_too_long', 'headers_too_large'),
  hostile('a URL with a broken escape', requestText('GET', '/%'), 'not_found', 'bad_request', 'token_missing'),
  hostile('a URL with a NUL', requestText('GET', '/a%00b'), 'not_found', 'bad_request', 'token_missing'),
  hostile('a way out of the tree', requestText('GET', '/../../../../etc/passwd'), 'not_found', 'bad_request'),
  hostile('the same, escaped', requestText('GET', '/%2e%2e/%2e%2e/etc/passwd'), 'not_found', 'bad_request'),
  hostile('a whole URL to elsewhere', requestText('GET', 'http://169.254.169.254/latest'), 'not_found', 'bad_request'),
  hostile('a tunnel', requestText('CONNECT', '127.0.0.1:22'), 'bad_request', 'method_not_allowed', 'not_found'),
  hostile('nothing that is there', requestText('GET', '/nothing/here'), 'not_found'),
];

suite('hostile requests', () => {
  let fleet: Fleet;
  let path: string;
  let pids: ReadonlyMap<string, number>;
  before(async () => {
    fleet = await startFleet({ edges: 1 });
    path = (await fleet.putOnAir('show')).viewer.path;
    pids = new Map([...fleet.services].map(([name, child]) => [name, child.pid]));
  });
  after(() => fleet?.[Symbol.asyncDispose]());

  const ask = (service: ServiceName, bytes: string | Uint8Array): Promise<RawAnswer> => {
    const url = fleet.plan.services.find(({ name }) => name === service)?.url ?? '';
    return askRaw(url, bytes, DEADLINE_MS);
  };
  const expectProblem = async (service: ServiceName, { name, bytes, codes }: Hostile): Promise<void> => {
    const answer = await ask(service, bytes);
    const told = `${service}, ${name}: ${answer.status} ${answer.body.slice(0, 300)}`;
    assert.equal(answer.headers.get('content-type')?.split(';')[0], 'application/problem+json', told);
    const problem = JSON.parse(answer.body) as Problem;
    assert.ok(codes.includes(problem.code), told);
    assert.equal(answer.status, PROBLEM_STATUS[problem.code], told);
    assert.equal(problem.status, answer.status, told);
    assert.doesNotMatch(answer.body, /\n\s+at |node_modules|\.ts:\d|file:\/\//, told);
  };

  for (const service of ['control-plane', 'geo', 'origin', 'edge-1'] as const) {
    suite(service, () => {
      for (const request of TO_ALL) test(request.name, () => expectProblem(service, request));
    });
  }

  suite('the API', () => {
    const call = (method: string, target: string, body: string | object, headers = {}): string => {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const length = String(Buffer.byteLength(text));
      const authorization = `Bearer ${fleet.adminToken}`;
      const all = { authorization, 'content-type': 'application/json', 'content-length': length, ...headers };
      return requestText(method, target, all) + text;
    };
    const post = (target: string, body: string | object, headers = {}): string => call('POST', target, body, headers);
    const requests: readonly [name: string, bytes: () => string, ...codes: ProblemCode[]][] = [
      ['no token', () => post('/v1/streams', {}, { authorization: '' }), 'unauthorized'],
      ['a wrong token', () => post('/v1/streams', {}, { authorization: 'Bearer x' }), 'unauthorized'],
      ['another scheme', () => post('/v1/streams', {}, { authorization: 'Basic eDp5' }), 'unauthorized'],
      ['no JSON', () => post('/v1/streams', 'name=show'), 'bad_json'],
      ['half of some JSON', () => post('/v1/streams', '{"name":'), 'bad_json'],
      ['a nest of arrays', () => post('/v1/streams', '['.repeat(20_000)), 'bad_json', 'bad_field'],
      ['nothing', () => post('/v1/streams', ''), 'bad_json', 'bad_field'],
      ['null', () => post('/v1/streams', 'null'), 'bad_field'],
      ['an array', () => post('/v1/streams', []), 'bad_field'],
      ['a name that is a number', () => post('/v1/streams', { name: 1, policy: 'token' }), 'bad_field'],
      ['a name with a slash', () => post('/v1/streams', { name: 'a/b', policy: 'token' }), 'bad_field'],
      ['a name of 65', () => post('/v1/streams', { name: 'a'.repeat(65), policy: 'token' }), 'bad_field'],
      ['an unknown policy', () => post('/v1/streams', { name: 'a', policy: 'open' }), 'bad_field'],
      ['an unknown field', () => post('/v1/streams', { name: 'a', policy: 'token', x: 1 }), 'bad_field'],
      ['a prototype', () => post('/v1/streams', '{"__proto__":{"name":"a"},"policy":"token"}'), 'bad_field'],
      ['an empty ladder', () => post('/v1/streams', ladder([])), 'bad_field'],
      ['a rung below ground', () => post('/v1/streams', ladder([{ height: -1, bitsPerSecond: 1 }])), 'bad_field'],
      ['a stream that is there', () => post('/v1/streams', { name: 'show', policy: 'token' }), 'stream_exists'],
      ['a body that is too large', () => post('/v1/streams', `"${'a'.repeat(2_000_000)}"`), 'body_too_large'],
      ['a token for no stream', () => post('/v1/tokens', { stream: 'none', ttlSeconds: 60 }), 'stream_not_found'],
      ['a token of no length', () => post('/v1/tokens', { stream: 'show', ttlSeconds: 0 }), 'bad_field'],
      ['a token for ever', () => post('/v1/tokens', { stream: 'show', ttlSeconds: 1e12 }), 'bad_field'],
      ['an address that is none', () => post('/v1/tokens', { stream: 'show', ttlSeconds: 60, ip: 'x' }), 'bad_field'],
      ['an issuer without a key', () => post('/v1/issuers', { iss: 'me', alg: 'HS256' }), 'bad_field'],
      ['an issuer of no algorithm', () => post('/v1/issuers', { iss: 'me', alg: 'none', secret: 'x' }), 'bad_field'],
      ['a revocation of nothing', () => post('/v1/revocations', {}), 'bad_field'],
      ['a stream that is not there', () => call('GET', '/v1/streams/none', ''), 'stream_not_found'],
      ['no such node', () => call('DELETE', '/v1/nodes/none', ''), 'node_not_found'],
      ['a join with no token', () => post('/v1/nodes/join', {}, { authorization: '' }), 'unauthorized'],
      ['a feed for nobody', () => call('GET', '/v1/feed?cursor=x', '', { authorization: 'Bearer x' }), 'unauthorized'],
    ];
    for (const [name, bytes, ...codes] of requests) {
      test(name, () => expectProblem('control-plane', { name, bytes: bytes(), codes }));
    }
  });

  suite('the door', () => {
    const requests: readonly [name: string, target: string, ...codes: ProblemCode[]][] = [
      ['no token', '/live/show/master.m3u8', 'session_missing'],
      ['no token, no such stream', '/live/none/master.m3u8', 'session_missing'],
      ['a token that is none', '/live/show/master.m3u8?URISigningPackage=x', 'session_malformed'],
      ['three dots', '/live/show/master.m3u8?URISigningPackage=...', 'session_malformed'],
      ['a token of 4 KiB', `/live/show/master.m3u8?URISigningPackage=${'a.'.repeat(2_048)}`, 'session_malformed'],
      ['a token as a path parameter', '/live/show/master.m3u8;URISigningPackage=x', 'session_malformed'],
      ['alg none', `/live/show/master.m3u8?URISigningPackage=${unsigned()}`, 'session_signature', 'session_malformed'],
      ['a name that is none', '/live/-/master.m3u8', 'not_found', 'session_missing'],
      ['a presentation that is none', '/live/show/x.m3u8', 'not_found', 'session_missing'],
      ['a watch page of no stream', '/watch/..%2f..', 'not_found'],
    ];
    for (const [name, target, ...codes] of requests) {
      test(name, () => expectProblem('geo', { name, bytes: requestText('GET', target), codes }));
    }
  });

  suite('the edge', () => {
    const requests: readonly [name: string, target: string, ...codes: ProblemCode[]][] = [
      ['a token that is none', '/t/x/live/show/master.m3u8', 'token_malformed'],
      ['a token of 4 KiB', `/t/${'a'.repeat(4_096)}/live/show/master.m3u8`, 'token_malformed', 'uri_too_long'],
      ['a part without its segment', 'TOKEN/v360/media.m3u8?_HLS_part=1', 'hls_part_without_msn'],
      ['a segment far ahead', 'TOKEN/v360/media.m3u8?_HLS_msn=999999999999', 'hls_msn_too_far'],
      ['a segment that is no number', 'TOKEN/v360/media.m3u8?_HLS_msn=x', 'bad_request', 'bad_field'],
      ['a negative segment', 'TOKEN/v360/media.m3u8?_HLS_msn=-1', 'bad_request', 'bad_field'],
      ['a track that is none', 'TOKEN/v999/media.m3u8', 'track_not_found', 'not_found'],
      ['an epoch that is none', 'TOKEN/v360/00000000zzzz/1.m4s', 'segment_not_found', 'not_found'],
      ['a number with a zero before it', 'TOKEN/v360/00000000zzzz/01.m4s', 'not_found', 'segment_not_found'],
      ['a number beyond all', 'TOKEN/v360/00000000zzzz/99999999999999999999.m4s', 'not_found', 'segment_not_found'],
      ['an object that is none', 'TOKEN/v360/00000000zzzz/x.m4s', 'not_found'],
      ['the inside of the fleet', '/cmaf/show/timeline', 'not_found', 'session_missing', 'token_missing'],
    ];
    for (const [name, target, ...codes] of requests) {
      test(name, () => {
        const bytes = requestText('GET', target.replace('TOKEN', path));
        return expectProblem('edge-1', { name, bytes, codes });
      });
    }

    test('a range that cannot be', async () => {
      const playlist = await ask('edge-1', requestText('GET', `${path}/v360/classic.m3u8`));
      const segment = playlist.body.split('\n').find((line) => line.endsWith('.m4s'));
      const bytes = requestText('GET', `${path}/v360/${segment}`, { range: 'bytes=999999999-' });
      await expectProblem('edge-1', { name: 'range', bytes, codes: ['bad_range'] });
    });

    test('ranges that are no ranges are ignored (RFC 9110 §14.2)', async () => {
      const playlist = await ask('edge-1', requestText('GET', `${path}/v360/classic.m3u8`));
      const segment = playlist.body.split('\n').find((line) => line.endsWith('.m4s'));
      for (const range of ['bytes=x', 'bytes=5-1', 'lines=1-2', `bytes=${'0-0,'.repeat(500)}0-0`]) {
        const { status } = await ask('edge-1', requestText('GET', `${path}/v360/${segment}`, { range }));
        assert.ok(status === 200 || status === 416, `${range.slice(0, 20)}: ${status}`);
      }
    });
  });

  test('a request that never ends is ended by the server', async () => {
    await Promise.all(
      fleet.plan.services.map(({ url }) => askRaw(url, 'GET / HTTP/1.1\r\nHost: x\r\nx: ', HEAD_DEADLINE_MS)),
    );
  });

  test('and nobody noticed: every process lives, and the picture goes on', async () => {
    for (const [name, child] of fleet.services) {
      assert.equal(child.exit, undefined, `${name} ended`);
      assert.equal(child.pid, pids.get(name), name);
      assert.doesNotMatch(
        child.output,
        /\bat .*:\d+:\d+\)?$/m,
        `${name} logged a stack:\n${child.output.slice(-3_000)}`,
      );
    }
    const playlist = await ask('edge-1', requestText('GET', `${path}/v360/classic.m3u8`));
    assert.equal(playlist.status, 200);
    const newest = Date.parse(/.*PROGRAM-DATE-TIME:(\S+)/s.exec(playlist.body)?.[1] ?? '');
    assert.ok(Date.now() - newest < 8_000, 'the newest segment is recent');
  });
});

function hostile(name: string, bytes: string | Uint8Array, ...codes: ProblemCode[]): Hostile {
  return { name, bytes, codes };
}

function ladder(rungs: readonly object[]): object {
  return { name: 'laddered', policy: 'token', ladder: { rungs, audioBitsPerSecond: 128_000 } };
}

function unsigned(): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${encode({ alg: 'none' })}.${encode({ iss: 'headwater', hwsid: 'me' })}.`;
}
