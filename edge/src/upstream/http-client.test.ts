import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { suite, test } from 'node:test';
import type { OutgoingRequest } from './exchange.ts';
import { HTTP_CLIENT_LIMITS, HttpClient, type HttpClientLimits } from './http-client.ts';
import { type RawServer, startRawServer } from './raw-server.ts';
import { type Heard, record } from './recorded-fetch.ts';

const GET: OutgoingRequest = { method: 'GET', path: '/a?b=c', fields: [], body: null, isIdempotent: true };
const LIMITS: HttpClientLimits = { ...HTTP_CLIENT_LIMITS, connections: 4, queued: 4 };

interface Rig extends AsyncDisposable {
  readonly client: HttpClient;
  readonly server: RawServer;
  readonly get: (request?: Partial<OutgoingRequest>) => Promise<Heard>;
}

async function startRig(
  respond: (socket: Socket, request: string, nth: number) => void,
  limits: Partial<HttpClientLimits> = {},
): Promise<Rig> {
  const server = await startRawServer(respond);
  const client = new HttpClient({ ...LIMITS, ...limits });
  return {
    client,
    server,
    get: (request = {}) => record((handler) => client.fetch(server.url, { ...GET, ...request }, handler)),
    async [Symbol.asyncDispose]() {
      client.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Asks a server once that says this and then ends, or keeps its connection open. */
async function ask(
  text: string,
  { ends = false, ...request }: Partial<OutgoingRequest> & { readonly ends?: boolean } = {},
  limits: Partial<HttpClientLimits> = {},
): Promise<Heard> {
  await using rig = await startRig((socket) => {
    socket.write(text, 'latin1');
    if (ends) socket.end();
  }, limits);
  return await rig.get(request);
}

suite('what comes is handed over as it is', () => {
  test('head, body and trailers; order, case, duplicates and odd bytes kept', async () => {
    const heard = await ask(
      'HTTP/1.1 200 OK\r\nX-B: 1\r\nx-a: caf\xe9\r\nX-B:  2 \r\nTransfer-Encoding: chunked\r\n\r\n' +
        '3;ext="a;b"\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\nx-sum: 6\r\n\r\n',
    );
    assert.deepEqual(heard.head?.fields, ['X-B', '1', 'x-a', 'caf\xe9', 'X-B', '2', 'Transfer-Encoding', 'chunked']);
    assert.equal(heard.head.isLengthKnown, true);
    assert.equal(heard.body.toString(), 'abcde');
    assert.deepEqual(heard.trailers, ['X-Sum', '5', 'x-sum', '6']);
  });

  test('the same, a byte at a time', async () => {
    const text =
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\nx: y\r\n\r\n' +
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 5\r\n\r\n';
    await using rig = await startRig((socket) => void dribble(socket, text));
    const heard = await rig.get();
    assert.deepEqual(heard.interims, [{ status: 103, fields: ['link', '</x>'] }]);
    assert.equal(heard.body.toString(), 'abc');
    assert.deepEqual(heard.trailers, ['x-sum', '5']);
  });

  test('what was asked for goes out as it was given', async () => {
    await using rig = await startRig((socket) => void socket.write('HTTP/1.1 204 None\r\n\r\n'));
    await rig.get({ fields: ['host', 'a.example', 'X-A', '1', 'x-a', 'caf\xe9'] });
    const [request] = rig.server.requests;
    assert.match(request ?? '', /^GET \/a\?b=c HTTP\/1\.1\r\nhost: a\.example\r\n/);
    assert.match(request ?? '', /X-A: 1\r\nx-a: caf\xe9\r\n/);
    assert.doesNotMatch(request ?? '', /accept-encoding|user-agent/i);
  });

  test('nothing is decompressed and no redirect is followed', async () => {
    const heard = await ask(
      'HTTP/1.1 302 Found\r\nlocation: /b\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\n\x1f\x8b!',
    );
    assert.equal(heard.head?.status, 302);
    assert.equal(heard.body.toString('latin1'), '\x1f\x8b!');
  });

  for (const [what, text] of [
    ['204', 'HTTP/1.1 204 None\r\n\r\n'],
    ['304 that says how long the whole is', 'HTTP/1.1 304 Same\r\ncontent-length: 1000\r\n\r\n'],
    ['HEAD', 'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n'],
  ] as const) {
    test(`no body: ${what}`, async () => {
      const heard = await ask(text, { method: what === 'HEAD' ? 'HEAD' : 'GET' });
      assert.deepEqual([heard.error, heard.body.length, heard.head?.isLengthKnown], [null, 0, true]);
    });
  }

  for (const connection of ['keep-alive', 'close']) {
    test(`a body ends where its length says, and a connection that goes on is not used again: ${connection}`, async () => {
      await using rig = await startRig((socket) => {
        socket.write(`HTTP/1.1 200 OK\r\nconnection: ${connection}\r\ncontent-length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\n`);
      });
      for (let i = 0; i < 2; i += 1) {
        const heard = await rig.get();
        assert.deepEqual([heard.error, heard.body.toString(), heard.trailers], [null, 'abc', []]);
      }
      assert.equal(rig.server.connections, 2);
    });
  }

  // RFC 9112 §6.1: its framing is faulty, whatever came of it.
  test('no connection is used again on which HTTP/1.0 came in chunks', async () => {
    const text = 'HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n';
    await using rig = await startRig((socket) => void socket.write(text));
    for (let i = 0; i < 2; i += 1) assert.equal((await rig.get()).body.toString(), 'abc');
    assert.equal(rig.server.connections, 2);
  });

  test('a body in a transfer coding that there is not ends with its connection', async () => {
    const text = 'HTTP/1.1 200 OK\r\ntransfer-encoding: none-such\r\n\r\nabc';
    const heard = await ask(text, { ends: true });
    assert.deepEqual([heard.error, heard.body.toString(), heard.head?.isLengthKnown], [null, 'abc', false]);
  });

  for (const version of ['1.0', '1.1']) {
    test(`a body that the end of an HTTP/${version} connection ends`, async () => {
      const heard = await ask(`HTTP/${version} 200 OK\r\n\r\nabc`, { ends: true });
      assert.deepEqual([heard.error, heard.body.toString(), heard.head?.isLengthKnown], [null, 'abc', false]);
    });
  }

  test('1xx up to the limit are passed on, one more is the end', async () => {
    const flood = (count: number): string => 'HTTP/1.1 103 Early\r\nlink: </x>\r\n\r\n'.repeat(count);
    const final = 'HTTP/1.1 204 None\r\n\r\n';
    const enough = await ask(flood(LIMITS.interims) + final);
    assert.deepEqual([enough.error, enough.interims.length], [null, LIMITS.interims]);
    const many = await ask(flood(LIMITS.interims + 1) + final);
    assert.equal(many.error?.code, 'too_large');
    const continues = await ask('HTTP/1.1 100 Continue\r\n\r\n'.repeat(LIMITS.interims + 1) + final);
    assert.equal(continues.error?.code, 'protocol');
  });
});

suite('what is no response is an error', () => {
  const cases: [what: string, text: string, code: string][] = [
    ['garbage', 'SSH-2.0-OpenSSH_9.2p1 Debian\r\n', 'protocol'],
    ['a status that is none', 'HTTP/1.1 20 OK\r\n\r\n', 'protocol'],
    ['a status below 100', 'HTTP/1.1 099 OK\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n', 'protocol'],
    [
      'a head of 100 that another hop ends elsewhere',
      'HTTP/1.1 100 Continue\r\n\nHTTP/1.1 200 OK\r\ncontent-length: 38\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
      'protocol',
    ],
    ['HTTP/2', 'HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n', 'protocol'],
    ['an upgrade that nobody asked for', 'HTTP/1.1 101 Up\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n', 'protocol'],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd', 'protocol'],
    ['two equal lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc', 'protocol'],
    ['a list of lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 3, 3\r\n\r\nabc', 'protocol'],
    ['a signed length', 'HTTP/1.1 200 OK\r\ncontent-length: +3\r\n\r\nabc', 'protocol'],
    [
      'a length and chunks',
      'HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
      'protocol',
    ],
    [
      'chunks and a length',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
      'protocol',
    ],
    ['a coding not asked for', 'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n', 'protocol'],
    ['a coding that no length ends', 'HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\nabc', 'protocol'],
    ['a space before a colon', 'HTTP/1.1 200 OK\r\ncontent-length : 3\r\n\r\nabc', 'protocol'],
    ['a bare line feed', 'HTTP/1.1 200 OK\nx-padding: 123\ncontent-length: 3\n\nabc', 'protocol'],
    ['NUL in a value', 'HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 3\r\n\r\nabc', 'protocol'],
    ['a chunk of no size', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\nabc\r\n', 'protocol'],
    ['a chunk longer than it says', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcd\r\n', 'protocol'],
    ['too many fields', `HTTP/1.1 200 OK\r\n${`x: ${'y'.repeat(1000)}\r\n`.repeat(70)}\r\n`, 'too_large'],
  ];
  for (const [what, text, code] of cases) {
    test(what, async () => {
      const heard = await ask(text);
      assert.equal(heard.error?.code, code, heard.error?.detail);
      assert.equal(heard.trailers, null);
    });
  }

  test('a folded value is one value or an error, never two fields', async () => {
    const heard = await ask('HTTP/1.1 200 OK\r\nx: a\r\n content-length: 9\r\ncontent-length: 3\r\n\r\nabc');
    if (heard.error !== null) assert.equal(heard.error.code, 'protocol');
    else assert.equal(heard.body.toString(), 'abc');
  });

  const whole = {
    length: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde',
    chunks: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nx-a: b\r\n\r\n',
    interim: 'HTTP/1.1 103 Hi\r\nlink: </>\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na',
  };
  for (const [name, text] of Object.entries(whole)) {
    test(`${name}: the connection ends after each of its bytes: an error each time but the last`, async () => {
      let cut = 0;
      await using rig = await startRig((socket) => void socket.end(text.slice(0, cut), 'latin1'));
      for (cut = 0; cut < text.length; cut += 1) {
        const heard = await rig.get();
        assert.equal(heard.error?.code, 'reset', `after ${cut} bytes: ${heard.error?.detail}`);
        assert.equal(heard.error.isRetryable, cut === 0, `after ${cut} bytes`);
      }
      const heard = await rig.get();
      assert.equal(heard.error, null);
    });
  }

  test('a connection that is reset does not end a body whose length nobody said', async () => {
    await using rig = await startRig((socket) => {
      socket.write('HTTP/1.0 200 OK\r\n\r\nabc');
    });
    const heard = await record(
      (handler) => rig.client.fetch(rig.server.url, GET, handler),
      () => {
        rig.server.reset();
        return true;
      },
    );
    assert.equal(heard.error?.code, 'reset');
    assert.equal(heard.error.bytesReceived, 3);
  });
});

async function dribble(socket: Socket, text: string): Promise<void> {
  for (const byte of text) await new Promise((resolve) => socket.write(byte, 'latin1', resolve));
}

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

suite('deadlines, each by its name', () => {
  const cases: [code: string, limits: Partial<HttpClientLimits>, text: string][] = [
    ['timeout_head', { headMs: 30 }, ''],
    ['timeout_head', { headMs: 30 }, 'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200'],
    ['stalled', { stallMs: 30 }, 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n'],
    ['stalled', { stallMs: 30 }, 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no'],
    ['timeout_total', { totalMs: 60 }, 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no'],
  ];
  for (const [code, limits, text] of cases) {
    test(`${code} after ${text.length} bytes`, async () => {
      const heard = await ask(text, {}, limits);
      assert.equal(heard.error?.code, code);
      assert.equal(heard.error.isRetryable, text === '');
    });
  }

  test('timeout_connect: an address that answers nothing', async () => {
    const client = new HttpClient({ ...LIMITS, connectMs: 30 });
    const heard = await record((handler) => client.fetch('http://192.0.2.1:9', GET, handler));
    client.close();
    // A machine without a network says at once that there is none.
    assert.match(heard.error?.code ?? '', /^(?:timeout_)?connect$/);
    assert.equal(heard.error?.isRetryable, true);
  });

  test('connect: nobody listens; even what is unsafe may be tried elsewhere', async () => {
    const server = await startRawServer(() => undefined);
    await server[Symbol.asyncDispose]();
    const client = new HttpClient(LIMITS);
    const post = { ...GET, method: 'POST', isIdempotent: false };
    const heard = await record((handler) => client.fetch(server.url, post, handler));
    client.close();
    assert.deepEqual([heard.error?.code, heard.error?.isRetryable], ['connect', true]);
  });

  test('a reader that takes nothing does not stall a body', async () => {
    await using rig = await startRig((socket) => void socket.write(OK.slice(0, -1)), { stallMs: 20, totalMs: 120 });
    const heard = await record(
      (handler) => rig.client.fetch(rig.server.url, GET, handler),
      () => false,
    );
    assert.equal(heard.error?.code, 'timeout_total');
  });
});

suite('back-pressure', () => {
  const SIZE = 8 * 1024 * 1024;
  const body = Buffer.alloc(SIZE, 'x');

  for (const framing of ['length', 'chunks', 'close']) {
    test(`${framing}: nothing comes while paused, everything after`, async () => {
      await using rig = await startRig((socket) => {
        if (framing === 'chunks')
          socket.write(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${SIZE.toString(16)}\r\n`);
        else socket.write(`HTTP/1.1 200 OK\r\n${framing === 'length' ? `content-length: ${SIZE}\r\n` : ''}\r\n`);
        socket.write(body);
        socket.end(framing === 'chunks' ? '\r\n0\r\n\r\n' : '');
      });
      let isPaused = false;
      let pauses = 0;
      const heard = await record(
        (handler) => rig.client.fetch(rig.server.url, GET, handler),
        (_chunk, _heard, fetching) => {
          assert.equal(isPaused, false, 'paused');
          isPaused = true;
          pauses += 1;
          setImmediate(() => {
            isPaused = false;
            fetching.resume();
          });
          return false;
        },
      );
      assert.equal(heard.error, null, heard.error?.detail);
      assert.ok(heard.body.equals(body));
      assert.ok(pauses > 10, `${pauses} pauses`);
    });
  }

  test('resuming from within the callback is as good', async () => {
    await using rig = await startRig(
      (socket) => void socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${SIZE}\r\n\r\n`),
    );
    const feed = async (): Promise<void> => {
      for (let at = 0; at < SIZE; at += 65_536) await rig.server.write(body.subarray(at, at + 65_536));
    };
    const heard = await record(
      (handler) =>
        rig.client.fetch(rig.server.url, GET, { ...handler, onHead: (head) => (handler.onHead(head), void feed()) }),
      (_chunk, _heard, fetching) => (fetching.resume(), fetching.resume(), false),
    );
    assert.equal(heard.error, null);
    assert.equal(heard.body.length, SIZE);
  });

  for (const [when, later] of [
    ['at once', (resume: () => void) => resume()],
    ['in the same turn', (resume: () => void) => queueMicrotask(resume)],
    ['in the next', (resume: () => void) => void setImmediate(resume)],
  ] as const) {
    test(`whoever has the connection next is answered: a reader that goes on ${when}`, async () => {
      const text = `HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n${'x'.repeat(100_000)}`;
      await using rig = await startRig((socket) => void socket.write(text), { headMs: 2_000 });
      for (let turn = 0; turn < 20; turn += 1) {
        const heard = await record(
          (handler) => rig.client.fetch(rig.server.url, GET, handler),
          (_chunk, _heard, fetching) => (later(() => fetching.resume()), false),
        );
        assert.deepEqual([heard.error, heard.body.length], [null, 100_000]);
      }
      assert.equal(rig.server.connections, 1);
    });
  }

  test('a body that ended while nobody took it is whole', async () => {
    for (const end of ['', 'fin']) {
      await using rig = await startRig((socket) => {
        socket.write('HTTP/1.0 200 OK\r\n\r\nabc');
        socket.end(end);
      });
      const heard = await record(
        (handler) => rig.client.fetch(rig.server.url, GET, handler),
        (_chunk, _heard, fetching) => {
          setTimeout(() => fetching.resume(), 30);
          return false;
        },
      );
      assert.deepEqual([heard.error, heard.body.toString()], [null, `abc${end}`]);
    }
  });
});

async function* pieces(...list: string[]): AsyncGenerator<Uint8Array> {
  for (const piece of list) yield Buffer.from(piece);
}

suite('request bodies', () => {
  const post = (fields: string[], body: AsyncIterable<Uint8Array>): Partial<OutgoingRequest> => ({
    method: 'POST',
    fields,
    body,
    isIdempotent: false,
  });

  test('with a length, and in chunks without one', async () => {
    let answerAt = '';
    await using rig = await startRig((socket, request) => {
      if (request.endsWith(answerAt)) return void socket.write(OK);
      let text = request;
      socket.on('data', (data) => {
        text += data.toString();
        if (text.endsWith(answerAt)) socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${text.length}\r\n\r\n${text}`);
      });
    });
    answerAt = 'abcde';
    const known = await rig.get(post(['content-length', '5'], pieces('abc', 'de')));
    assert.equal(known.error, null);
    answerAt = '0\r\n\r\n';
    const unknown = await rig.get(post([], pieces('abc', 'de')));
    assert.equal(unknown.error, null);
  });

  test('one that is shorter than it says, longer, or fails, is cut off in the open and not tried again', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('abc');
      await Promise.resolve();
      throw new Error('the viewer left');
    }
    for (const body of [pieces('abc'), pieces('abc', 'def'), broken()]) {
      await using rig = await startRig(() => undefined);
      const heard = await rig.get(post(['content-length', '5'], body));
      assert.deepEqual([heard.error?.code, heard.error?.isRetryable], ['request_body', false]);
    }
  });

  test('how fast it comes is not the affair of who takes it', async () => {
    const stallMs = 30;
    async function* pausing(): AsyncGenerator<Uint8Array> {
      for (const piece of ['abc', 'de']) {
        yield Buffer.from(piece);
        await new Promise((resolve) => setTimeout(resolve, 4 * stallMs));
      }
    }
    await using rig = await startRig(
      (socket) => void socket.on('data', (data) => data.toString().endsWith('0\r\n\r\n') && socket.write(OK)),
      { stallMs },
    );
    assert.equal((await rig.get(post([], pausing()))).error, null);
  });

  test('one that is not taken any more', async () => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) yield await Promise.resolve(Buffer.alloc(65_536));
    }
    await using rig = await startRig((socket) => void socket.pause(), { stallMs: 100 });
    const heard = await rig.get(post([], endless()));
    assert.equal(heard.error?.code, 'stalled');
  });
});

suite('connections', () => {
  test('one is used again', async () => {
    await using rig = await startRig((socket) => void socket.write(OK));
    for (let nth = 0; nth < 5; nth += 1) assert.equal((await rig.get()).body.toString(), 'ok');
    assert.equal(rig.server.connections, 1);
  });

  // As proxies do where no request comes: the answer is to none.
  test('one on which something came before it was ever used is not used', async () => {
    await using rig = await startRig((socket) => void socket.write(OK));
    const heard = await record((handler) => {
      const fetching = rig.client.fetch(rig.server.url, GET, handler);
      // It has begun to dial by then.
      queueMicrotask(() => fetching.abort());
      return fetching;
    });
    assert.equal(heard.error?.code, 'aborted');
    while (rig.server.open === 0) await new Promise(setImmediate);
    await rig.server.write(Buffer.from('HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n'));
    for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
    assert.equal((await rig.get()).head?.status, 200);
    assert.deepEqual([rig.server.connections, rig.server.requests.length], [2, 1]);
  });

  test('one that closes as the request goes out costs no request that may be sent twice', async () => {
    await using rig = await startRig((socket, _request, nth) => {
      if (nth % 2 === 1) socket.write(OK);
      else socket.destroy();
    });
    assert.equal((await rig.get()).error, null);
    // The second request meets the close, and goes out again as the third.
    assert.equal((await rig.get()).error, null);
    assert.equal(rig.server.requests.length, 3);
    // An unsafe one never takes a used connection; its own that closes is its failure, once.
    const heard = await rig.get({ method: 'POST', isIdempotent: false });
    assert.deepEqual([heard.error?.code, heard.error?.isRetryable], ['reset', false]);
    assert.equal(rig.server.requests.length, 4);
  });

  test('a name is looked up once for all that are dialled at once, whoever dials', async () => {
    const lookups: PerformanceEntry[] = [];
    const observer = new PerformanceObserver((list) => void lookups.push(...list.getEntries()));
    observer.observe({ type: 'dns' });
    await using rig = await startRig((socket) => void socket.write(OK));
    const other = new HttpClient(LIMITS);
    const ask = (client: HttpClient): Promise<Heard> =>
      record((handler) => client.fetch(`http://localhost:${rig.server.port}`, GET, handler));
    for (const { error } of await Promise.all([rig.client, rig.client, other].map(ask))) assert.equal(error, null);
    other.close();
    while (lookups.length === 0) await new Promise(setImmediate);
    assert.equal(rig.server.connections, 3);
    assert.equal([...lookups, ...observer.takeRecords()].length, 1);
    observer.disconnect();
  });

  test('as many as may be, as many waiting as may be, and one more is told so', async () => {
    const { connections, queued } = LIMITS;
    const waiting: Socket[] = [];
    await using rig = await startRig((socket) => void waiting.push(socket));
    const all = Array.from({ length: connections + queued + 1 }, () => rig.get());
    const last = await (all.at(-1) as Promise<Heard>);
    assert.deepEqual([last.error?.code, last.error?.isRetryable], ['overloaded', true]);
    let answered = 0;
    while (answered < connections + queued) {
      for (const socket of waiting.splice(0)) {
        answered += 1;
        socket.write(OK);
      }
      await new Promise(setImmediate);
    }
    const heard = await Promise.all(all.slice(0, -1));
    assert.ok(heard.every(({ error }) => error === null));
    assert.equal(rig.server.connections, connections);
  });

  test('who waits too long for one is told so', async () => {
    await using rig = await startRig(() => undefined, { connections: 1, connectMs: 50 });
    void rig.get();
    const heard = await rig.get();
    assert.equal(heard.error?.code, 'overloaded');
  });

  test('targets are bounded, and one that nobody uses makes room', async () => {
    await using rig = await startRig((socket, _request, nth) => void (nth === 1 && socket.write(OK)), { targets: 1 });
    await using other = await startRawServer((socket) => void socket.write(OK));
    const ask = (url: string): Promise<Heard> => record((handler) => rig.client.fetch(url, GET, handler));
    assert.equal((await rig.get()).error, null);
    assert.equal((await ask(other.url)).error, null);
    const waiting = rig.get();
    while (rig.server.requests.length < 2) await new Promise(setImmediate);
    assert.equal((await ask(other.url)).error?.code, 'overloaded');
    rig.client.close();
    await waiting;
  });
});

suite('giving up', () => {
  for (const moment of ['at once', 'while it connects', 'before the head', 'in the body', 'in the queue']) {
    test(moment, async () => {
      await using rig = await startRig((socket) => void socket.write(OK.slice(0, -1)), {
        connections: 1,
        stallMs: 200,
      });
      if (moment === 'in the queue') void rig.get();
      const heard = await record(
        (handler) => {
          const fetching = rig.client.fetch(rig.server.url, GET, handler);
          if (moment === 'at once') queueMicrotask(() => fetching.abort());
          else if (moment !== 'in the body')
            setTimeout(() => fetching.abort(), moment === 'while it connects' ? 0 : 20);
          return fetching;
        },
        (_chunk, _heard, fetching) => (moment === 'in the body' && fetching.abort(), true),
      );
      assert.deepEqual([heard.error?.code, heard.error?.isRetryable], ['aborted', false]);
    });
  }

  // undici takes the end of such a connection for the body's, even after it was told to give it up, and throws.
  test('in a body that ends with its connection', async () => {
    await using rig = await startRig((socket) => void socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nab'));
    const heard = await record(
      (handler) => rig.client.fetch(rig.server.url, GET, handler),
      (_chunk, _heard, fetching) => (queueMicrotask(() => fetching.abort()), true),
    );
    assert.equal(heard.error?.code, 'aborted');
    while (rig.server.open > 0) await new Promise((resolve) => setImmediate(resolve));
  });

  test('closing the client ends everything', async () => {
    await using rig = await startRig(() => undefined);
    const waiting = [rig.get(), rig.get()];
    setImmediate(() => rig.client.close());
    for (const heard of await Promise.all(waiting)) assert.equal(heard.error?.code, 'aborted');
  });

  test('a request that cannot be written says so', async () => {
    await using rig = await startRig(() => undefined);
    for (const bad of [{ path: '/a b' }, { fields: ['x', 'a\r\nb: c'] }, { fields: ['x y', 'a'] }, { method: 'A B' }]) {
      const heard = await rig.get(bad);
      assert.deepEqual([heard.error?.code, heard.error?.isRetryable], ['invalid_request', false], JSON.stringify(bad));
    }
    assert.equal(rig.server.requests.length, 0);
  });
});
