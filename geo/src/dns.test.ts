import assert from 'node:assert/strict';
import { type RemoteInfo, type Socket, createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type Socket as TcpSocket, connect } from 'node:net';
import { test } from 'node:test';
import { ManualClock, systemClock } from '@headwater/service/clock';
import {
  type DecodedPacket,
  type OptAnswer,
  type Packet,
  RECURSION_DESIRED,
  decode,
  encode,
  streamEncode,
} from 'dns-packet';
import { type DnsZone, answerDns } from './dns-answer.ts';
import { startDnsServer } from './dns-server.ts';
import { ResponseRate } from './response-rate.ts';

const asked: [address: string, stream: string][] = [];

function zone(hosts: readonly string[] = ['203.0.113.1', '203.0.113.2', '2001:db8::1']): DnsZone {
  return {
    zone: 'cdn.example',
    serverHost: '192.0.2.53',
    serial: () => 7,
    edgeHosts: (address, stream) => {
      asked.push([address, stream]);
      return hosts;
    },
  };
}

function query(name: string, type = 'A', more: Partial<Packet> = {}): DecodedPacket {
  const questions = [{ name, type: type as 'A' }];
  return decode(encode({ type: 'query', id: 7, flags: RECURSION_DESIRED, questions, ...more }));
}

function ask(packet: DecodedPacket, hosts?: readonly string[]): DecodedPacket {
  return decode(encode(answerDns(packet, '198.51.100.9', zone(hosts)) ?? {}));
}

const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];
function rcode({ flags = 0 }: DecodedPacket): string {
  return RCODES[flags & 15] ?? '';
}

test('the zone is what an independent resolver reads', async () => {
  await using server = await startDnsServer({ zone: zone(), port: 0, clock: systemClock, onAnswered: () => undefined });
  const resolver = new Resolver({ timeout: 2_000, tries: 1 });
  resolver.setServers([`127.0.0.1:${server.port}`]);
  assert.deepEqual(await resolver.resolve4('live.cdn.example', { ttl: true }), [
    { address: '203.0.113.1', ttl: 5 },
    { address: '203.0.113.2', ttl: 5 },
  ]);
  assert.deepEqual(await resolver.resolve6('show.live.CDN.example'), ['2001:db8::1']);
  assert.deepEqual(asked.at(-1), ['127.0.0.1', 'show']);
  const soa = await resolver.resolveSoa('cdn.example');
  assert.deepEqual([soa.nsname, soa.hostmaster, soa.serial], ['ns.cdn.example', 'hostmaster.cdn.example', 7]);
  assert.deepEqual(await resolver.resolveNs('cdn.example'), ['ns.cdn.example']);
  assert.deepEqual(await resolver.resolve4('ns.cdn.example', { ttl: true }), [{ address: '192.0.2.53', ttl: 300 }]);
  await assert.rejects(
    resolver.resolve6('ns.cdn.example'),
    { code: 'ENODATA' },
    'it is there, and has no such address',
  );
  await assert.rejects(resolver.resolve4('nothing.cdn.example'), { code: 'ENOTFOUND' });
  await assert.rejects(resolver.resolveMx('live.cdn.example'), { code: 'ENODATA' });
  await assert.rejects(resolver.resolve4('elsewhere.example'), { code: 'EREFUSED' });
});

test('edges that are known by a name are answered by it', () => {
  const { answers } = ask(query('live.cdn.example'), ['fra.edges.example', '203.0.113.1']);
  assert.deepEqual(
    answers?.map((answer) => 'data' in answer && answer.data),
    ['203.0.113.1'],
  );
  const named = ask(query('live.cdn.example'), ['fra.edges.example', 'par.edges.example']);
  assert.deepEqual(
    named.answers?.map((answer) => [answer.type, 'data' in answer && answer.data]),
    [['CNAME', 'fra.edges.example']],
  );
  assert.deepEqual(
    [rcode(ask(query('live.cdn.example'), [])), ask(query('live.cdn.example'), []).answers],
    ['NOERROR', []],
  );
});

const OPT: OptAnswer = {
  type: 'OPT',
  name: '.',
  udpPayloadSize: 4_096,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
};

test('the client subnet is who is asked for, and comes back with the scope of the answer', () => {
  const subnet = (sourcePrefixLength: number, ip = '192.0.2.0'): OptAnswer => ({
    ...OPT,
    options: [{ code: 8, family: ip.includes(':') ? 2 : 1, sourcePrefixLength, scopePrefixLength: 0, ip }],
  });
  const scopeOf = ({ additionals }: DecodedPacket): unknown => {
    const edns = additionals?.find((answer): answer is OptAnswer => answer.type === 'OPT');
    const [option] = edns?.options ?? [];
    return option !== undefined && 'scopePrefixLength' in option ? option.scopePrefixLength : null;
  };
  assert.equal(scopeOf(ask(query('live.cdn.example', 'A', { additionals: [subnet(24)] }))), 24);
  assert.equal(asked.at(-1)?.[0], '192.0.2.0');
  assert.equal(scopeOf(ask(query('live.cdn.example', 'A', { additionals: [subnet(56, '2001:db8:1::')] }))), 56);
  assert.equal(asked.at(-1)?.[0], '2001:db8:1::');
  assert.equal(scopeOf(ask(query('cdn.example', 'SOA', { additionals: [subnet(24)] }))), 0, 'the same for all');
  ask(query('live.cdn.example', 'A', { additionals: [subnet(0)] }));
  assert.equal(asked.at(-1)?.[0], '198.51.100.9', 'a viewer that keeps its network to itself');
});

test('of a later EDNS nothing is answered but that it is not known', () => {
  const later = { ...OPT, ednsVersion: 1 };
  const { answers, additionals, flags = 0 } = ask(query('live.cdn.example', 'A', { additionals: [later] }));
  const [edns] = (additionals ?? []) as OptAnswer[];
  assert.deepEqual([answers, flags & 15, edns?.extendedRcode, edns?.ednsVersion], [[], 0, 1, 0], 'BADVERS');
});

test('nobody gets a whole zone, an update, recursion, or an answer to an answer', () => {
  assert.equal(rcode(ask(query('cdn.example', 'AXFR'))), 'REFUSED');
  assert.equal(rcode(ask(query('live.cdn.example', 'A', { flags: 5 << 11 }))), 'NOTIMP');
  assert.equal(rcode(ask(query('a.b.live.cdn.example'))), 'NXDOMAIN');
  assert.equal(rcode(ask(query('xcdn.example'))), 'REFUSED');
  const two = [{ name: 'live.cdn.example', type: 'A' } as const, { name: 'cdn.example', type: 'A' } as const];
  assert.equal(rcode(ask(query('', 'A', { questions: two }))), 'FORMERR');
  assert.equal(answerDns(query('live.cdn.example', 'A', { type: 'response' }), '::1', zone()), null);
  const { flags = 0 } = ask(query('live.cdn.example'));
  assert.deepEqual(
    [flags & 0x0400, flags & 0x0100, flags & 0x0080],
    [0x0400, 0x0100, 0],
    'authoritative, RD as it came, no RA',
  );
});

test('a network beyond its rate is truncated or not answered, others are not touched, and time heals', () => {
  const clock = new ManualClock(0);
  const rate = new ResponseRate(clock);
  const burst = (address: string, count: number): string[] => Array.from({ length: count }, () => rate.judge(address));
  assert.deepEqual(new Set(burst('198.51.100.1', 200)), new Set(['answer']));
  assert.deepEqual(burst('198.51.100.2', 4), ['drop', 'truncate', 'drop', 'truncate'], 'the same network');
  assert.equal(rate.judge('198.51.101.1'), 'answer');
  clock.advance(10);
  assert.deepEqual(burst('198.51.100.1', 2), ['answer', 'drop']);
  assert.equal(rate.judge('2001:db8::1'), 'answer');
});

test('a flood over UDP is cut short, and the same question is answered over TCP', async () => {
  const how: string[] = [];
  const options = { zone: zone(), port: 0, clock: systemClock, onAnswered: (what: string) => void how.push(what) };
  await using server = await startDnsServer(options);
  const socket = createSocket('udp4');
  const questions = [{ type: 'A', name: 'live.cdn.example' }] as const;
  const question = encode({ type: 'query', id: 1, questions: [...questions], additionals: [OPT] });
  const received: [Buffer, RemoteInfo][] = [];
  socket.on('message', (message, from) => void received.push([message, from]));
  const done = Promise.withResolvers<void>();
  socket.send(Buffer.from('garbage'), server.port, '127.0.0.1');
  // The system may drop datagrams of a flood: it goes on until enough have come.
  const timer = setInterval(() => {
    for (let sent = 0; sent < 50; sent += 1) socket.send(question, server.port, '127.0.0.1');
    if (how.includes('malformed') && received.some(([message]) => decode(message).flag_tc)) done.resolve();
  }, 5);
  await done.promise;
  clearInterval(timer);
  socket.close();
  assert.ok(how.includes('malformed') && how.includes('limited'));
  const cut = received.map(([message]) => message).filter((message) => decode(message).flag_tc);
  assert.ok(
    cut.every((message) => message.length <= question.length),
    'no more bytes than the question had',
  );
  assert.ok(cut.every((message) => decode(message).additionals?.[0]?.type === 'OPT'));

  const tcp = connect(server.port, '127.0.0.1');
  tcp.write(streamEncode({ type: 'query', id: 9, questions: [{ type: 'A', name: 'live.cdn.example' }] }));
  const [answer] = (await once(tcp, 'data')) as [Buffer];
  assert.equal(decode(answer.subarray(2)).answers?.length, 2);
  tcp.write(Buffer.from([0xff, 0xff]));
  await once(tcp, 'close');
});

test('a port that is taken for UDP alone is named, and left', async () => {
  const taken = createSocket({ type: 'udp6' }).bind(0);
  await once(taken, 'listening');
  const { port } = taken.address();
  const options = { zone: zone(), port, clock: systemClock, onAnswered: () => undefined };
  await assert.rejects(startDnsServer(options), {
    name: 'ListenError',
    message: /^port \d+ \(HEADWATER_DNS_PORT\) is taken/,
  });
  taken.close();
  await once(taken, 'close');
  await using server = await startDnsServer(options);
  assert.equal(server.port, port);
});

/** A server that gets datagrams from whomever the test says, and what became of each. */
async function startReceiver(): Promise<
  AsyncDisposable & { readonly how: readonly string[]; receive(message: Buffer, port: number): void }
> {
  const how: string[] = [];
  let socket: Socket | undefined;
  const take = (message: unknown): void => void ({ socket } = message as { socket: Socket });
  subscribe('udp.socket', take);
  const options = { zone: zone(), port: 0, clock: systemClock, onAnswered: (what: string) => void how.push(what) };
  const server = await startDnsServer(options);
  unsubscribe('udp.socket', take);
  return {
    how,
    receive: (message, port) => {
      assert.ok(socket?.emit('message', message, { address: '127.0.0.1', family: 'IPv4', port, size: 0 }));
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

test('a datagram from port 0, where nothing can be sent, ends nothing', async () => {
  await using server = await startReceiver();
  // No socket of ours can send from there; anybody with a raw one can.
  server.receive(encode({ type: 'query', questions: [{ type: 'A', name: 'live.cdn.example' }] }), 0);
  assert.deepEqual(server.how, ['malformed']);
});

test('a datagram costs what its bytes can hold, whatever its head counts', async () => {
  await using server = await startReceiver();
  const port = 53_000;
  const padded = (bytes: number): Buffer => {
    const packet: Packet = { type: 'query', questions: [{ type: 'A', name: 'live.cdn.example' }] };
    const padding = (length: number): OptAnswer => ({ ...OPT, options: [{ code: 12, type: 'PADDING', length }] });
    const empty = encode({ ...packet, additionals: [padding(0)] }).length;
    return encode({ ...packet, additionals: [padding(bytes - empty)] });
  };
  server.receive(padded(1_232), port);
  server.receive(padded(1_233), port);
  assert.deepEqual(server.how, ['udp', 'malformed']);

  // The least of several rounds: another process may have the processor during some.
  const takes = (message: Buffer): number => {
    const rounds = Array.from({ length: 8 }, () => {
      const startedMs = performance.now();
      for (let count = 0; count < 40; count += 1) server.receive(message, port);
      return performance.now() - startedMs;
    });
    return Math.min(...rounds);
  };
  const bomb = Buffer.alloc(12).fill(0xff, 4);
  const [trueMs, bombMs] = [takes(padded(64)), takes(bomb)];
  assert.equal(server.how.at(-1), 'malformed');
  assert.ok(bombMs < 5 * trueMs + 5, `${bombMs} ms against ${trueMs} ms`);
});

test('one address holds some of the connections, and none for ever', { timeout: 20_000 }, async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const how: string[] = [];
  const options = { zone: zone(), port: 0, clock: systemClock, onAnswered: (what: string) => void how.push(what) };
  const question = streamEncode({ type: 'query', id: 9, questions: [{ type: 'A', name: 'live.cdn.example' }] });
  const server = await startDnsServer(options);
  const ask = async (): Promise<TcpSocket> => {
    const tcp = connect(server.port, '127.0.0.1').on('error', () => undefined);
    tcp.write(question);
    await once(tcp, 'data');
    return tcp;
  };
  const held: TcpSocket[] = [];
  for (let count = 0; count < 32; count += 1) held.push(await ask());
  const tooMany = connect(server.port, '127.0.0.1').on('error', () => undefined);
  await once(tooMany, 'close');
  assert.equal(how.at(-1), 'limited');

  context.mock.timers.tick(4_000);
  const [trickling, asking] = held as [TcpSocket, TcpSocket];
  trickling.write(question.subarray(0, 1));
  asking.write(question);
  await once(asking, 'data');
  const ended = once(trickling, 'close');
  context.mock.timers.tick(1_000);
  await ended;
  asking.write(question);
  await once(asking, 'data');
  const cut = once(asking, 'close');
  await server[Symbol.asyncDispose]();
  await cut;
});
