import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metrics } from '@headwater/service/metrics';
import { keepCounts, mergeExpositions } from './merge-expositions.ts';

function metricsOf(times: number): Metrics {
  const metrics = new Metrics();
  for (const kind of ['segment', 'odd "kind" with a \\ and a space']) {
    metrics.counter('requests_total', 'Requests.', { kind }).add(times);
  }
  metrics.gauge('open', 'Open now.').set(2 * times);
  const took = metrics.histogram('took_seconds', 'How long.', [0.1, 1]);
  for (let time = 0; time < times; time += 1) took.observe(0.5);
  return metrics;
}

test('the same series of several processes are added up: what several counted is as if one had', () => {
  const texts = [metricsOf(3), metricsOf(4)].map((metrics) => metrics.format());
  assert.equal(mergeExpositions(texts), metricsOf(7).format());
  assert.equal(mergeExpositions([metricsOf(3).format()]), metricsOf(3).format());
});

test('a series that one alone has stays as it is', () => {
  const other = new Metrics();
  other.counter('requests_total', 'Requests.', { kind: 'part' }).add(5);
  other.counter('others_total', 'Others.').add(1.5);
  const lines = mergeExpositions([metricsOf(1).format(), other.format()]).split('\n');
  for (const line of ['requests_total{kind="segment"} 1', 'requests_total{kind="part"} 5', 'others_total 1.5']) {
    assert.ok(lines.includes(line), line);
  }
  assert.equal(lines.filter((line) => line.startsWith('# TYPE requests_total')).length, 1);
});

test('of who is gone the counts stay, not what it held', () => {
  const kept = keepCounts([metricsOf(2).format(), '']);
  assert.match(kept, /^requests_total\{kind="segment"\} 2$/m);
  assert.match(kept, /^took_seconds_bucket\{le="1"\} 2$/m);
  assert.doesNotMatch(kept, /open/);
});
