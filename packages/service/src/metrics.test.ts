import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metrics } from './metrics.ts';

test('formats counters, gauges and histograms as Prometheus reads them', () => {
  const metrics = new Metrics();
  metrics.counter('a_total', 'As.', { kind: 'x"y' }).add(2);
  metrics.gaugeFrom('b', 'Bs.', () => 3);
  const histogram = metrics.histogram('c_seconds', 'Cs.', [0.1, 1]);
  histogram.observe(0.1);
  histogram.observe(5);
  assert.equal(
    metrics.format(),
    [
      '# HELP a_total As.\n# TYPE a_total counter\na_total{kind="x\\"y"} 2',
      '# HELP b Bs.\n# TYPE b gauge\nb 3',
      '# HELP c_seconds Cs.\n# TYPE c_seconds histogram\nc_seconds_bucket{le="0.1"} 1\nc_seconds_bucket{le="1"} 1\nc_seconds_bucket{le="+Inf"} 2\nc_seconds_sum 5.1\nc_seconds_count 2\n',
    ].join('\n'),
  );
});

test('refuses the same series twice', () => {
  const metrics = new Metrics();
  metrics.gauge('a', 'As.');
  assert.throws(() => metrics.gauge('a', 'As.'), /already there/);
});
