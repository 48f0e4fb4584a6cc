import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { type Socket, connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { after, before, suite, test } from 'node:test';
import { feedOf, startRig } from './edge-rig.ts';
import * as raw from './h2/raw-h2.ts';
import { FRAME, RawH2 } from './h2/raw-h2.ts';
import { TlsFolder } from './secure-rig.ts';
import type { RunningEdge } from './start-edge.ts';
import { type ZoneRig, startZoneRig } from './zone/zone-rig.ts';

const NUL = String.fromCharCode(0);
const FOLLOWS = 'GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n';
const END = '0\r\n\r\n';

/** Fields of a request, and what comes after its head. */
const FIELDS: readonly (readonly [what: string, fields: string, body?: string])[] = [
  ['a length and chunks', 'Content-Length: 4\r\nTransfer-Encoding: chunked', END],
  ['chunks and a length', 'Transfer-Encoding: chunked\r\nContent-Length: 4', END],
  ['two lengths', 'Content-Length: 0\r\nContent-Length: 5'],
  ['one length twice', 'Content-Length: 0\r\nContent-Length: 0'],
  ['a list of lengths', 'Content-Length: 0, 0'],
  ['a length with a sign', 'Content-Length: +0'],
  ['a negative length', 'Content-Length: -1'],
  ['a hexadecimal length', 'Content-Length: 0x0'],
  ['an empty length', 'Content-Length: '],
  ['a length in two words', 'Content-Length: 0 0'],
  ['a length beyond 64 bits', 'Content-Length: 18446744073709551616'],
  ['a space before the colon', 'Transfer-Encoding : chunked', END],
  ['a tab before the colon', 'Transfer-Encoding\t: chunked', END],
  ['an unknown coding', 'Transfer-Encoding: xchunked', END],
  ['no coding', 'Transfer-Encoding:', END],
  ['identity', 'Transfer-Encoding: identity'],
  ['chunks inside of a coding', 'Transfer-Encoding: chunked, identity', END],
  ['a coding inside of chunks', 'Transfer-Encoding: gzip, chunked', END],
  ['chunks in chunks', 'Transfer-Encoding: chunked, chunked', END],
  ['chunks twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', END],
  ['chunks and an unknown coding', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: x', END],
  ['a quoted coding', 'Transfer-Encoding: "chunked"', END],
  ['a coding after a vertical tab', 'Transfer-Encoding: \vchunked', END],
  ['a coding with a parameter', 'Transfer-Encoding: chunked;x=y', END],
  ['a folded line', 'X-A: b\r\n c'],
  ['a folded coding', 'Transfer-Encoding:\r\n\tchunked', END],
  ['a bare line feed', 'X-A: a\nX-B: b'],
  ['a bare carriage return', 'X-A: a\rX-B: b'],
  ['a carriage return too many', 'X-A: a\r'],
  ['NUL in a value', `X-A: a${NUL}b`],
  ['NUL in a name', `X${NUL}: a`],
  ['a control character in a value', 'X-A: a\u0001b'],
  ['a space in a name', 'X A: a'],
  ['no colon', 'Transfer-Encoding chunked'],
  ['no name', ': a'],
  ['a name that is no token', 'X(a): a'],
  ['a name beyond ASCII', 'X\u00e9: a'],
  ['a second host', 'Host: b'],
];

/** Whole heads. */
const HEADS: readonly (readonly [what: string, head: string])[] = [
  ['chunks in HTTP/1.0', `GET /healthz HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${END}`],
  ['no host', 'GET /healthz HTTP/1.1\r\n\r\n'],
  ['a host with a path', 'GET /healthz HTTP/1.1\r\nHost: a/b\r\n\r\n'],
  ['a host with a user', 'GET /healthz HTTP/1.1\r\nHost: u@a\r\n\r\n'],
  ['a space before the first field', 'GET /healthz HTTP/1.1\r\n Host: a\r\n\r\n'],
  ['lines that end in line feeds', 'GET /healthz HTTP/1.1\nHost: a\n\n'],
  ['a method in lower case', 'get /healthz HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['an unknown method', 'FOO /healthz HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a space before the method', ' GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['tabs in the request line', 'GET\t/healthz\tHTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a space after the version', 'GET /healthz HTTP/1.1 \r\nHost: a\r\n\r\n'],
  ['HTTP/0.9', 'GET /healthz\r\n\r\n'],
  ['HTTP/0.9 by name', 'GET /healthz HTTP/0.9\r\n\r\n'],
  ['HTTP/1.2', 'GET /healthz HTTP/1.2\r\nHost: a\r\n\r\n'],
  ['HTTP/1.10', 'GET /healthz HTTP/1.10\r\nHost: a\r\n\r\n'],
  ['HTTP/2.0 without its frames', 'GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n'],
  ["HTTP/2's preface", 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['RTSP', 'GET /healthz RTSP/1.0\r\nCSeq: 1\r\n\r\n'],
  ['RTSP of no path', 'OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nConnection: keep-alive\r\n\r\n'],
  ['http in lower case', 'GET /healthz http/1.1\r\nHost: a\r\n\r\n'],
  ['an asterisk', 'GET * HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['an authority', 'GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['no slash', 'GET healthz HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a whole URL with a user', 'GET http://u@a/healthz HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a whole URL of another scheme', 'GET ftp://a/healthz HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a fragment', 'GET /healthz#x HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['NUL in the target', `GET /healthz${NUL} HTTP/1.1\r\nHost: a\r\n\r\n`],
  ['a byte beyond ASCII in the target', 'GET /healthz\u00e9 HTTP/1.1\r\nHost: a\r\n\r\n'],
];

/** Bodies that are no chunks (RFC 9112 §7.1). */
const CHUNKS: readonly (readonly [what: string, body: string])[] = [
  ['a size beyond 64 bits', 'FFFFFFFFFFFFFFFFF\r\n'],
  ['a size of 2^64', '10000000000000000\r\n\r\n'],
  ['a negative size', '-1\r\n\r\n'],
  ['a size with a prefix', '0x0\r\n\r\n'],
  ['a space after the size', '0 \r\n\r\n'],
  ['no size', '\r\n\r\n'],
  ['a line feed after the size', '0\n\n'],
  ['a line feed in an extension', '2;\nxx\r\n0\r\n\r\n'],
  ['data without an end', '1\r\naX0\r\n\r\n'],
];

suite('over plain connections and TLS', () => {
  let folder: TlsFolder;
  let plain: RunningEdge;
  let secure: RunningEdge;

  before(async () => {
    folder = await TlsFolder.make();
    plain = await startRig(feedOf('http://127.0.0.1:1'));
    secure = await startRig(feedOf('http://127.0.0.1:1'), { tlsFiles: [await folder.add('a')] });
  });
  after(async () => {
    await plain[Symbol.asyncDispose]();
    await secure[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  const openings: readonly (() => Socket)[] = [
    () => connect(plain.port, '127.0.0.1'),
    () => connectTls({ port: secure.port, host: '127.0.0.1', rejectUnauthorized: false }),
  ];

  /** The statuses of all answers on a connection that the edge closes. */
  async function statusesOf(open: () => Socket, bytes: string): Promise<readonly string[]> {
    const socket = open();
    socket.write(Buffer.from(bytes, 'latin1'));
    const all = await text(socket);
    return [...all.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status ?? '');
  }

  for (const [what, fields, body = ''] of FIELDS) {
    test(`refused: ${what}`, async () => {
      for (const open of openings) {
        for (const method of ['GET', 'POST', 'OPTIONS']) {
          const bytes = `${method} /healthz HTTP/1.1\r\nHost: a\r\n${fields}\r\n\r\n${body}${FOLLOWS}`;
          assert.deepEqual(await statusesOf(open, bytes), ['400'], method);
        }
      }
    });
  }

  for (const [what, head] of HEADS) {
    test(`refused: ${what}`, async () => {
      for (const open of openings) assert.deepEqual(await statusesOf(open, head + FOLLOWS), ['400']);
    });
  }

  test('refused: a body of a GET, whatever its chunks say', async () => {
    for (const [what, body] of [...CHUNKS, ['good chunks', END] as const]) {
      const bytes = `GET /healthz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}${FOLLOWS}`;
      assert.deepEqual(await statusesOf(openings[0] ?? assert.fail(), bytes), ['413'], what);
    }
  });

  test('read as RFC 9112 does: what is unusual and right', async () => {
    const right = [
      'GET /healthz HTTP/1.1\r\nhOsT:a\r\nX: caf\u00e9\r\n\r\n',
      '\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n',
      'GET http://b/healthz HTTP/1.1\r\nHost: a\r\n\r\n',
      'GET /healthz HTTP/1.1\r\nHost:\r\n\r\n',
      'GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n',
      'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
    ];
    const last = 'GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
    for (const open of openings) {
      const statuses = await statusesOf(open, right.join('') + last + FOLLOWS);
      assert.deepEqual(statuses, ['200', '200', '200', '200', '200', '204', '200'], 'and nothing after the last');
    }
  });

  test('what follows a request for another protocol is not read from its midst', async () => {
    for (const open of openings) {
      const socket = open();
      socket.write(
        'GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nGET /a HTTP/1.1\r\nX: ',
      );
      setImmediate(() => socket.write(FOLLOWS));
      assert.equal((await text(socket)).split('HTTP/1.1 ').length, 2, 'one answer');
    }
  });
});

suite('before a zone', () => {
  let rig: ZoneRig;
  /** whole requests that reached the origin */
  let reached: string[];

  before(async () => {
    reached = [];
    rig = await startZoneRig((request, response) => {
      request.on('error', () => undefined);
      request.resume().once('end', () => {
        reached.push(`${request.method} ${request.url}`);
        response.end('ok');
      });
    });
  });
  after(() => rig[Symbol.asyncDispose]());

  test('nothing that is hidden in a request reaches the origin, nor what follows it', async () => {
    const victim = 'POST /victim HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n';
    const shapes = [
      ...FIELDS.map(([, fields, body = '']) => `${fields}\r\n\r\n${body}`),
      ...CHUNKS.map(([, body]) => `Transfer-Encoding: chunked\r\n\r\n${body}`),
    ];
    for (const shape of shapes) {
      const socket = connect(rig.edge.port, '127.0.0.1');
      socket.write(Buffer.from(`POST /first HTTP/1.1\r\nHost: a\r\n${shape}${victim}`, 'latin1'));
      const answer = await text(socket).catch(() => '');
      assert.match(answer, /^(?:HTTP\/1\.1 400 |$)/, JSON.stringify(shape));
      assert.equal(answer.split('HTTP/1.1 ').length <= 2, true, JSON.stringify(shape));
    }
    assert.deepEqual(reached, []);
    const socket = connect(rig.edge.port, '127.0.0.1');
    socket.write(
      'POST /first HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n',
    );
    socket.write(END);
    assert.match(await text(socket), /^HTTP\/1\.1 200 /);
    assert.deepEqual(reached, ['POST /first']);
  });
});

suite('in HTTP/2', () => {
  let folder: TlsFolder;
  let edge: RunningEdge;

  before(async () => {
    folder = await TlsFolder.make();
    edge = await startRig(feedOf('http://127.0.0.1:1'), { tlsFiles: [await folder.add('a')] });
  });
  after(async () => {
    await edge[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  const [method, scheme, authority, path] = [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':authority', 'a'],
    [':path', '/healthz'],
  ] as const;
  const good = [method, scheme, authority, path] as const;

  type Shapes = readonly (readonly [what: string, fields: readonly (readonly [string, string])[]])[];
  const PROTOCOL_ERROR = 1;

  /** Malformed (RFC 9113 §8.1.1). */
  const RESET: Shapes = [
    ['an upper-case name', [...good, ['X-A', 'a']]],
    ['a name that is upper-case at its end', [...good, ['x-A', 'a']]],
    ['a field of connections', [...good, ['connection', 'close']]],
    ["a proxy's field of connections", [...good, ['proxy-connection', 'close']]],
    ['a field that keeps connections', [...good, ['keep-alive', '5']]],
    ['a transfer coding', [...good, ['transfer-encoding', 'chunked']]],
    ['an upgrade', [...good, ['upgrade', 'h2c']]],
    ['TE that is not trailers', [...good, ['te', 'gzip']]],
    ['two lengths', [...good, ['content-length', '0'], ['content-length', '5']]],
    ['a length that is no number', [...good, ['content-length', '+0']]],
    ['a length without a body', [...good, ['content-length', '5']]],
    ['a pseudo-field after a field', [method, scheme, authority, ['x-a', 'a'], path]],
    ...good.map((field) => [`${field[0]} twice`, [...good, field]] as const),
    ['an unknown pseudo-field', [...good, [':host', 'b']]],
    ["an answer's pseudo-field", [...good, [':status', '200']]],
    ["another protocol's pseudo-field", [...good, [':protocol', 'websocket']]],
    ['no method', [scheme, authority, path]],
    ['no path', [method, scheme, authority]],
    ['no scheme', [method, authority, path]],
    ['no authority', [method, scheme, path]],
    ['an empty path', [method, scheme, authority, [':path', '']]],
    ['a path with a line end', [method, scheme, authority, [':path', '/healthz HTTP/1.1\r\nHost: b']]],
    ['a path with a space', [method, scheme, authority, [':path', '/healthz HTTP/1.1']]],
    ['a path that is none', [method, scheme, authority, [':path', 'healthz']]],
    ['a method with a line end', [[':method', 'GET / HTTP/1.1\r\nX:'], scheme, authority, path]],
    ['an authority with a path', [method, scheme, [':authority', 'a/b'], path]],
    ['an authority with a user', [method, scheme, [':authority', 'u@a'], path]],
  ];
  for (const [what, fields] of RESET) {
    test(`reset: ${what}`, async () => {
      using client = await RawH2.open(edge.port);
      client.ask(1, raw.block(fields));
      client.ask(3, raw.block(good));
      await client.until('the next answer', () => client.of(FRAME.headers, 3).length > 0);
      assert.deepEqual(client.of(FRAME.headers, 1), []);
      const codes = client.of(FRAME.reset).map(({ stream, payload }) => [stream, payload.readUInt32BE()]);
      assert.deepEqual(codes, [[1, PROTOCOL_ERROR]]);
    });
  }

  const REFUSED: Shapes = [
    ['a path with a fragment', [method, scheme, authority, [':path', '/healthz#a']]],
    ['a path beyond ASCII', [method, scheme, authority, [':path', '/caf\u00e9']]],
    ['a method in lower case', [[':method', 'get'], scheme, authority, path]],
    ['an unknown method', [[':method', 'FOO'], scheme, authority, path]],
    ['another host beside the authority', [...good, ['host', 'b']]],
  ];
  for (const [what, fields] of REFUSED) {
    test(`refused: ${what}`, async () => {
      using client = await RawH2.open(edge.port);
      client.ask(1, raw.block(fields));
      await client.until('the answer', () => client.of(FRAME.headers, 1).length > 0);
      // :status 400 is the twelfth entry of the static table (RFC 7541, Appendix A).
      assert.equal(client.of(FRAME.headers, 1)[0]?.payload[0], 0x80 | 12);
    });
  }

  test('what is right is answered', async () => {
    using client = await RawH2.open(edge.port);
    client.ask(1, raw.block([...good, ['te', 'trailers'], ['host', 'a'], ['x-a', 'caf\u00e9']]));
    await client.until('the answer', () => client.of(FRAME.headers, 1).length > 0);
    assert.equal(client.of(FRAME.headers, 1)[0]?.payload[0], 0x80 | 8);
  });
});
