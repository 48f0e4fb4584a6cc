/** A worker's composition root: it answers viewers as an edge does, and is told by its node what an edge hears from the fleet. */

import { FeedState } from '@headwater/protocol/feed-state';
import { systemClock } from '@headwater/service/clock';
import { LoadMeter } from '@headwater/service/load-meter';
import { createLog } from '@headwater/service/log';
import { type Serving, startServing } from '../start-serving.ts';
import { AddressTally } from './address-tally.ts';
import { listenerOf } from './listener.ts';
import { workersDirectory } from './cache-directory.ts';
import { Ownership } from './ownership.ts';
import { Wishes } from './wishes.ts';
import { type Order, openChannel, tell } from './worker-channel.ts';

/** Serves until disposed of. */
export async function startWorker(): Promise<AsyncDisposable> {
  const feed = new FeedState();
  const meter = new LoadMeter(systemClock);
  const early: Order[] = [];
  let obey = (order: Order): void => void early.push(order);
  const { worker, config, directory, known, missed, isHeir, listener } = await openChannel((order) => obey(order));
  const log = createLog({ service: 'edge', level: config.logLevel, nowMs: () => systemClock.nowMs() });
  if (known !== null) feed.apply(known);
  if (isHeir && listener === null) throw new Error('the socket to listen on did not come');
  const ownership = new Ownership(worker, directory);
  const wishes = new Wishes(tell);
  const tally = new AddressTally(config.workers, tell);
  const cacheDirectory = workersDirectory(config.cacheDirectory, worker);
  const serving = await startServing(
    { ...config, cacheDirectory },
    {
      clock: systemClock,
      feed,
      log: (level, event, fields) => log(level, event, { worker, ...fields }),
      missed,
      ...(listener === null ? {} : { listener }),
      team: { ownership, worker, directory, tally, forget: (objects) => wishes.forget(objects) },
    },
  );
  obey = (order) => carryOut(order, { feed, serving, ownership, wishes, tally, meter });
  for (const order of early) obey(order);
  tell({ kind: 'serves' });
  return {
    async [Symbol.asyncDispose]() {
      meter[Symbol.dispose]();
      await serving[Symbol.asyncDispose]();
    },
  };
}

interface Parts {
  readonly feed: FeedState;
  readonly serving: Serving;
  readonly ownership: Ownership;
  readonly wishes: Wishes;
  readonly tally: AddressTally;
  readonly meter: LoadMeter;
}

function carryOut(order: Order, { feed, serving, ownership, wishes, tally, meter }: Parts): void {
  switch (order.kind) {
    case 'serving':
      return ownership.update(order.workers);
    case 'used-by-others':
      return tally.hear(order);
    case 'lend':
      return void serving.releaseDisk().then(() => tell({ kind: 'lent' }, listenerOf(serving.server)));
    case 'retire':
      return void serving.retire().then(() => tell({ kind: 'retired' }));
    case 'forgotten':
      return wishes.grant(order.wish);
    case 'forget': {
      const { question, objects } = order;
      return void serving.forget(objects).then(() => tell({ kind: 'forgot', question }));
    }
    case 'page': {
      const { question, page, isNew } = order;
      if (isNew) feed.apply(page);
      void serving.carryOut(page, !isNew).then((purged) => tell({ kind: 'carried-out', question, purged }));
      return;
    }
    case 'heard':
      return serving.heard();
    case 'report': {
      const { connections, sentBytes, answers, failures } = serving.readings;
      const report = {
        busy: meter.read(),
        connections: connections(),
        sentBytes: sentBytes(),
        answers: answers(),
        failures: failures(),
        metrics: serving.metrics.format(),
      };
      return tell({ kind: 'report', question: order.question, report });
    }
  }
}
