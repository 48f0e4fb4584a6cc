import assert from 'node:assert/strict';
import { test } from 'node:test';
import { abuse } from './rtmp-abuse-run.ts';

const CONNECTIONS = 3_000;
const SEED = 20_261_122;
/** Memory after the run may exceed memory after the warm-up by this. */
const GROWTH_LIMIT = 1.1;

test(`${CONNECTIONS} hostile connections harm neither the listener nor the publisher beside them`, async (t) => {
  const result = await abuse({ connections: CONNECTIONS, seed: SEED });
  const { warm, end } = result;
  t.diagnostic(`${result.seconds.toFixed(1)} s; RSS ${warm.rss} → ${end.rss}, heap ${warm.heapUsed} → ${end.heapUsed}`);

  assert.ok(result.pastConnect >= CONNECTIONS / 2, `${result.pastConnect} past connect`);
  assert.ok(result.pastPublish >= CONNECTIONS / 10, `${result.pastPublish} past an accepted publish`);

  // The publisher beside them and those that heard "Publish.Start" are all that the desk let in.
  assert.ok(end.accepted >= result.pastPublish + 1);
  assert.ok(end.hostilePackets > 0);
  assert.equal(end.refusedPackets, 0, 'a frame of a refused publisher reached a stream');

  assert.ok(end.goodPackets > 0);
  assert.equal(end.goodPackets, result.goodPackets);
  assert.equal(end.goodHash, result.goodHash, 'the good publisher’s packets arrived altered or out of order');

  assert.ok(end.rss <= warm.rss * GROWTH_LIMIT, `RSS grew from ${warm.rss} to ${end.rss}`);
  assert.ok(end.heapUsed <= warm.heapUsed * GROWTH_LIMIT, `the heap grew from ${warm.heapUsed} to ${end.heapUsed}`);
  assert.match(end.metricsText, /^headwater_rtmp_connections 0$/m);
  assert.match(end.metricsText, /^headwater_rtmp_publishers 0$/m);
});
