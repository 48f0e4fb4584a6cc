import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { ManualClock } from '@headwater/service/clock';
import { ask, feedOf, startRig } from './edge-rig.ts';
import { BURST_SECONDS, RequestRate, handshakesPerSecond } from './request-rate.ts';
import { TlsFolder } from './secure-rig.ts';
import type { ViewerSocket } from './viewer-exchange.ts';

function from(remoteAddress: string, shared?: object): ViewerSocket {
  const socket = { remoteAddress, destroyed: false, setTimeout: () => 0, destroy: () => 0 };
  return shared === undefined ? socket : { ...socket, shared };
}

function rateOf(perSecond: number, addresses = 10) {
  const clock = new ManualClock(0);
  return { clock, rate: new RequestRate({ loopback: 0, elsewhere: perSecond }, clock, { addressLimit: addresses }) };
}

function admitted(rate: RequestRate, socket: ViewerSocket, times: number): number {
  return Array.from({ length: times }, () => rate.admit(socket)).filter(Boolean).length;
}

test('an address has its rate, and some ahead, over all its connections', () => {
  const { clock, rate } = rateOf(10);
  const one = from('192.0.2.1');
  assert.equal(admitted(rate, one, 50), 10 * BURST_SECONDS);
  assert.equal(rate.admit(from('192.0.2.1')), false, 'on another connection');
  assert.equal(rate.admit(from('192.0.2.1', {})), false, 'by HTTP/2');
  assert.equal(rate.admit(from('192.0.2.2')), true, 'another address');
  clock.advance(1_000);
  assert.equal(admitted(rate, one, 50), 10);
  clock.advance(60_000);
  assert.equal(admitted(rate, one, 50), 10 * BURST_SECONDS, 'nothing more is saved up');
});

test('a network of IPv6 is one customer, and loopback none', () => {
  const { rate } = rateOf(1);
  assert.equal(admitted(rate, from('2001:db8::1'), 9), BURST_SECONDS);
  assert.equal(rate.admit(from('2001:db8::2:3')), false);
  assert.equal(rate.admit(from('2001:db8:0:1::1')), true);
  assert.equal(admitted(rate, from('127.0.0.1'), 1_000), 1_000);
  assert.equal(admitted(rate, from('::1'), 1_000), 1_000);
});

test('so many addresses are remembered, those that sent too much the longest', () => {
  const { clock, rate } = rateOf(1, 3);
  assert.equal(admitted(rate, from('192.0.2.1'), 9), BURST_SECONDS);
  clock.advance(1_500);
  rate.admit(from('192.0.2.1'));
  for (const last of [2, 3]) rate.admit(from(`192.0.2.${last}`));
  clock.advance(1_000);
  assert.equal(rate.size, 3);
  rate.admit(from('192.0.2.4'));
  assert.equal(rate.size, 3);
  assert.equal(admitted(rate, from('192.0.2.1'), 9), 1, 'the first is still known');
});

test('an edge tells who sends too many to come back', async () => {
  const clock = new ManualClock(Date.UTC(2026, 0, 1));
  const limits = { requestsPerSecondPerAddress: { loopback: 3, elsewhere: 3 } };
  await using edge = await startRig(feedOf('http://127.0.0.1:1'), { limits, clock });
  const statuses: number[] = [];
  for (let at = 0; at < 3 * BURST_SECONDS; at += 1) statuses.push((await ask(edge, '/healthz')).status);
  assert.deepEqual(new Set(statuses), new Set([200]));
  const refused = await ask(edge, '/healthz');
  assert.deepEqual([refused.status, refused.code, refused.headers['retry-after']], [429, 'too_many_requests', '1']);
  clock.advance(1_000);
  assert.equal((await ask(edge, '/healthz')).status, 200);
  assert.match((await ask({ port: edge.adminPort }, '/metrics')).text, /headwater_edge_requests_refused_total 1\n/);
});

test('handshakes have a rate of their own, a twentieth of that of requests', async () => {
  assert.deepEqual(handshakesPerSecond({ loopback: 0, elsewhere: 5_000 }, 1), { loopback: 0, elsewhere: 250 });
  assert.deepEqual(handshakesPerSecond({ loopback: 0, elsewhere: 5_000 }, 2), { loopback: 0, elsewhere: 125 });
  assert.deepEqual(handshakesPerSecond({ loopback: 1, elsewhere: 200 }, 1), { loopback: 10, elsewhere: 10 });
  const clock = new ManualClock(Date.UTC(2026, 0, 1));
  await using folder = await TlsFolder.make();
  const limits = { requestsPerSecondPerAddress: { loopback: 240, elsewhere: 240 } };
  const tlsFiles = [await folder.add('edge.example')];
  await using edge = await startRig(feedOf('http://127.0.0.1:1'), { limits, clock, tlsFiles });
  const isLetIn = async (localAddress: string): Promise<boolean> => {
    const plain = connect({ port: edge.port, host: '127.0.0.1', localAddress });
    const socket = connectTls({ socket: plain, rejectUnauthorized: false });
    const outcome = await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')]).catch(() => null);
    const isIn = outcome !== null && !socket.destroyed;
    socket.on('error', () => undefined).destroy();
    return isIn;
  };
  for (let at = 0; at < 12 * BURST_SECONDS; at += 1) assert.ok(await isLetIn('127.0.0.1'), `handshake ${at}`);
  assert.equal(await isLetIn('127.0.0.1'), false);
  assert.equal(await isLetIn('127.0.0.2'), true);
  clock.advance(1_000);
  assert.equal(await isLetIn('127.0.0.1'), true);
  assert.match((await ask({ port: edge.adminPort }, '/metrics')).text, /headwater_edge_connections_refused_total 1\n/);
});
