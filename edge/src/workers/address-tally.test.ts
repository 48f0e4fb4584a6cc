import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '@headwater/service/clock';
import { ConnectionCaps } from '@headwater/service/connection-caps';
import { BURST_SECONDS, RequestRate } from '../request-rate.ts';
import { AddressTally, TALLY_MS } from './address-tally.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { NodeTally } from './node-tally.ts';

const CAP = 20;
const PER_SECOND = 160;
const ADDRESS = '192.0.2.1';

interface Worker {
  /** has so many of that many connections let in */
  open(connections: number): number;
  close(connections: number): void;
  send(requests: number): number;
  end(): void;
}

interface Node {
  readonly clock: ManualClock;
  readonly start: () => Worker;
  /** what went to workers */
  readonly told: ToWorker[];
  /** until everybody has heard of everything */
  readonly settle: () => void;
}

function nodeOf(context: TestContext, workers: number): Node {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const clock = new ManualClock(0);
  const node = new NodeTally();
  const told: ToWorker[] = [];
  const start = (): Worker => {
    const tally: AddressTally = new AddressTally(workers, (message: FromWorker) => {
      if (message.kind === 'used') node.note(teller, message);
    });
    const teller = {
      tell(message: ToWorker): void {
        told.push(message);
        if (message.kind === 'used-by-others') tally.hear(message);
      },
    };
    node.add(teller);
    const perAddress = { loopback: 0, elsewhere: CAP };
    const caps = new ConnectionCaps({ maxConnections: 0, maxConnectionsPerAddress: perAddress }, tally);
    const rate = new RequestRate({ loopback: 0, elsewhere: PER_SECOND }, clock, { others: tally });
    tally.watchRequests((address, requests) => rate.count(address, requests));
    const socket = { remoteAddress: ADDRESS, destroyed: false, setTimeout: () => 0, destroy: () => 0 };
    return {
      open: (connections) => Array.from({ length: connections }, () => caps.admit(ADDRESS)).filter(isIn).length,
      close(connections) {
        for (let each = 0; each < connections; each += 1) caps.release(ADDRESS);
      },
      send: (requests) => Array.from({ length: requests }, () => rate.admit(socket)).filter(Boolean).length,
      end: () => node.delete(teller),
    };
  };
  /** A worker tells the node, and the node the others. */
  const settle = (): void => {
    for (let hop = 0; hop < 2; hop += 1) context.mock.timers.tick(TALLY_MS);
  };
  return { clock, start, told, settle };
}

const isIn = (refusal: string | null): boolean => refusal === null;

test('an address has as many connections at all workers as at one, wherever they fall', (context) => {
  const { start, settle } = nodeOf(context, 2);
  const [one, two] = [start(), start()];
  let here = 0;
  while (here < CAP) {
    const more = one.open(CAP);
    assert.ok(more > 0, `no more than ${here} at one worker`);
    here += more;
    settle();
  }
  assert.deepEqual([one.open(1), two.open(1)], [0, 0]);
  one.close(3);
  settle();
  assert.equal(two.open(1), 1);
  settle();
  assert.deepEqual([two.open(2), one.open(2)], [1, 1], 'of two that are left, one each');
  settle();
  assert.deepEqual([two.open(1), one.open(1)], [0, 0]);
});

test('what comes everywhere at once is no more than an address may have', (context) => {
  const { start, settle } = nodeOf(context, 3);
  const workers = [start(), start(), start()];
  const openAll = (): number => workers.reduce((sum, worker) => sum + worker.open(CAP), 0);
  assert.equal(openAll(), 18, 'a third of twenty each');
  settle();
  assert.equal(openAll(), 3, 'of the last two, one each: the one too many is what it costs not to ask');
  settle();
  assert.equal(openAll(), 0);
});

test('the connections of a worker that has ended are gone, and one that begins hears of all others', (context) => {
  const { start, settle } = nodeOf(context, 2);
  const [one, two] = [start(), start()];
  one.open(CAP / 2);
  two.open(CAP / 2);
  settle();
  two.end();
  const heir = start();
  assert.equal(heir.open(CAP), CAP / 4, 'half of what is left');
  settle();
  assert.equal(one.open(1) + heir.open(1), 2);
});

test('an address sends as many requests to all workers as to one', (context) => {
  const { clock, start, settle } = nodeOf(context, 2);
  const [one, two] = [start(), start()];
  assert.equal(one.send(1_000), BURST_SECONDS * PER_SECOND);
  settle();
  assert.equal(two.send(1_000), 0, 'it was all sent elsewhere');
  // From then on the rate, at whichever, for ten seconds; a lot that nobody was told of may come on top.
  let admitted = 0;
  for (let step = 0; step < 100; step += 1) {
    clock.advance(100);
    admitted += one.send(step % 3) + two.send(1_000);
    settle();
  }
  const wanted = 10 * PER_SECOND;
  assert.ok(admitted >= wanted && admitted <= wanted + PER_SECOND / 4, `${admitted} of ${wanted}`);
});

test('of few requests nobody is told', (context) => {
  const { start, settle, told } = nodeOf(context, 2);
  const [one] = [start(), start()];
  const lot = PER_SECOND / 16;
  assert.equal(one.send(lot - 1), lot - 1);
  settle();
  assert.equal(told.length, 0);
  one.send(1);
  settle();
  assert.deepEqual(told, [{ kind: 'used-by-others', connections: [], requests: [[ADDRESS, lot]] }]);
});
