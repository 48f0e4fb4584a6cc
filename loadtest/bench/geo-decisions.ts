/** How many decisions geo makes: the ranking of a whole fleet for one viewer, as its door asks for it. */

import { type EdgeView, type Viewer, rankEdges } from '@headwater/geo/src/rank.ts';
import { testRecord } from '@headwater/protocol/test-node';
import { seeded } from '@headwater/protocol/test-random';
import { quantile } from '@headwater/test/fleet/quantile.ts';
import type { Figure, FigureResult, Measured } from './figure.ts';

const FLEETS = [50, 500] as const;
const DECISIONS = 20_000;
const WARM_UP = 5_000;
/** Fixed, so that a run can be repeated. */
const SEED = 20_261_127;

export const geoDecisions: Figure = {
  name: 'geo-decisions',
  description: `${DECISIONS} viewers around the globe and ${DECISIONS / 100} streams, ranked over fleets of ${FLEETS.join(' and ')} edges in 20 failure domains, one thread, with a policy of two rules.`,
  run: async (): Promise<FigureResult> => ({ lines: FLEETS.flatMap(measure) }),
};

function measure(edges: number): Measured[] {
  const random = seeded(SEED);
  const place = () => ({ latitude: random() * 140 - 70, longitude: random() * 360 - 180 });
  const fleet = Array.from({ length: edges }, (_, index): EdgeView => {
    const load = { cpu: random() * 0.7, egressBytesPerSecond: random() * 5e7 };
    const zone = `zone-${index % 8}`;
    const node = testRecord({ id: `edge-${index}`, place: place(), zone, failureDomain: `site-${index % 20}`, load });
    return { node, answers: true, busy: false, suspicion: null, pendingViewers: 0 };
  });
  const viewers = Array.from({ length: DECISIONS }, (_, index): Viewer => {
    const address = `203.0.${(index >> 8) & 255}.${index & 255}`;
    return { place: place(), address, country: null, asn: null, stream: `show-${index % (DECISIONS / 100)}` };
  });
  const rules = [
    { prefixes: ['198.51.100.0/24'], zones: ['zone-1'] },
    { countries: ['DE'], zones: ['zone-2', 'zone-3'] },
  ];
  const options = { policy: { rules }, nowMs: 1e12, limit: 4 };
  for (const viewer of viewers.slice(0, WARM_UP)) rankEdges(fleet, viewer, options);
  const tookMs = viewers.map((viewer) => {
    const startMs = performance.now();
    rankEdges(fleet, viewer, options);
    return performance.now() - startMs;
  });
  const perSecond = DECISIONS / (tookMs.reduce((sum, ms) => sum + ms, 0) / 1_000);
  const note = `p50 ${(quantile(tookMs, 0.5) * 1_000).toFixed(0)} µs`;
  return [
    {
      what: `${edges} edges: decisions a second`,
      value: perSecond,
      unit: '/s',
      bound: edges === 50 ? { least: 10_000 } : null,
      note,
    },
    { what: `${edges} edges: p99`, value: quantile(tookMs, 0.99), unit: 'ms', bound: { most: 1 }, note: '' },
  ];
}
