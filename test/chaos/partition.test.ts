/** An edge loses its way to the control plane, and to nobody else: it plays on, gets nobody new, and learns afterwards what it missed. */

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { startFleet, type Fleet, type OnAir } from '../fleet/fleet.ts';
import { makeNamespace, type NetworkNamespace, noNamespaces } from '../fleet/network-namespace.ts';
import { newestSegments, read, readRenditions, readWhole } from '../fleet/stream-reader.ts';
import { until } from '../fleet/until.ts';
import type { Viewer } from '../fleet/viewer.ts';

const CUT_OFF = 'edge-2';
const CUTS = 3;
const NOBODY_NEW_WITHIN_MS = 3_000;
/** So many come on air while it is cut off. */
const SEGMENTS = 4;

const MISSING = noNamespaces();

suite('an edge is cut off from the control plane', () => {
  const cleanup = new AsyncDisposableStack();
  let network: NetworkNamespace;
  let fleet: Fleet;
  let show: OnAir;
  let edgeUrl: string;
  before(async () => {
    if (MISSING !== null) return;
    network = cleanup.use(makeNamespace());
    fleet = cleanup.use(
      await startFleet({
        edges: 2,
        environment: { HEADWATER_PUBLIC_HOST: network.media.here },
        arrange(service) {
          if (service.name !== CUT_OFF) return service;
          const at = (url: string | undefined, host: string): string => `http://${host}:${new URL(url ?? '').port}`;
          const variables = {
            ...service.variables,
            HEADWATER_CONTROL_URL: at(service.variables['HEADWATER_CONTROL_URL'], network.control.here),
            HEADWATER_EDGE_PUBLIC_URL: at(service.url, network.media.there),
          };
          return { ...service, url: at(service.url, network.media.there), variables, prefix: network.prefix };
        },
      }),
    );
    edgeUrl = fleet.plan.services.find(({ name }) => name === CUT_OFF)?.url ?? '';
    show = await fleet.putOnAir('show');
    await until('it to be trusted with viewers', 20_000, async () => isOffered(await condition()));
  });
  after(() => cleanup.disposeAsync());

  /** What geo thinks of the edge. */
  async function condition(): Promise<string> {
    const response = await fetch(show.viewer.urls.hls, { headers: { accept: 'application/json' } });
    const { edges } = (await response.json()) as { readonly edges: readonly { id: string; condition: string }[] };
    return edges.find(({ id }) => id === CUT_OFF)?.condition ?? 'unknown';
  }

  function isOffered(found: string): boolean {
    return ['serving', 'starting', 'busy', 'suspect'].includes(found);
  }

  /** The number of the newest segment that the edge plays to a viewer, read to its end. */
  async function playedBy(viewer: Viewer): Promise<number> {
    const { variants } = await readRenditions(`${edgeUrl}${viewer.path}/classic.m3u8`);
    const [rung] = variants;
    const [newest] = rung === undefined ? [] : await newestSegments(rung.url, 1);
    if (newest === undefined) throw new Error(`${CUT_OFF} names no segment`);
    assert.ok((await readWhole(newest.url)).length > 0);
    return newest.number;
  }

  async function statusFor(viewer: Viewer): Promise<number> {
    return (await read(`${edgeUrl}${viewer.path}/classic.m3u8`)).status;
  }

  test('it serves on, gets no viewers within 3 s, and refuses afterwards whom it did not hear of', async (context) => {
    if (MISSING !== null) return context.skip(MISSING);
    const [gone, stays] = [await fleet.admit('show'), await fleet.admit('show')];
    const before = await playedBy(stays);
    network.cut();
    const cutMs = performance.now();
    await until('geo to send it nobody', 10_000, async () => !isOffered(await condition()));
    const tookMs = Math.round(performance.now() - cutMs);
    assert.equal(await condition(), 'partitioned');

    const revoked = await fleet.api.request('POST', '/v1/revocations', { session: gone.session });
    assert.equal(revoked.status, 201);
    const [near = ''] = fleet.plan.edgeUrls;
    await until('the other edge to refuse it', 5_000, async () => {
      return (await read(`${near}${gone.path}/classic.m3u8`)).status === 403;
    });
    await until('it to play on', 30_000, async () => (await playedBy(stays)) >= before + SEGMENTS);
    assert.equal(await statusFor(gone), 200, 'it has not heard of the revocation');
    for (let viewers = 0; viewers < 10; viewers += 1) assert.notEqual((await fleet.admit('show')).edgeUrl, edgeUrl);

    network.mend();
    const mendedMs = performance.now();
    await until('it to refuse the revoked session', 20_000, async () => (await statusFor(gone)) === 403);
    const refusedMs = Math.round(performance.now() - mendedMs);
    assert.equal(await statusFor(stays), 200);
    await until('it to get viewers again', 20_000, async () => isOffered(await condition()));
    context.diagnostic(`nobody new after ${tookMs} ms; back, it refused the revoked session after ${refusedMs} ms`);
    assert.ok(tookMs < NOBODY_NEW_WITHIN_MS);
  });

  test('geo sends it nobody within 3 s, each time', async (context) => {
    if (MISSING !== null) return context.skip(MISSING);
    const times: number[] = [];
    for (let cuts = 0; cuts < CUTS; cuts += 1) {
      network.cut();
      const cutMs = performance.now();
      await until('geo to send it nobody', 10_000, async () => !isOffered(await condition()));
      times.push(Math.round(performance.now() - cutMs));
      network.mend();
      await until('it to get viewers again', 20_000, async () => isOffered(await condition()));
    }
    context.diagnostic(`nobody new after ${times.join(', ')} ms`);
    assert.ok(Math.max(...times) < NOBODY_NEW_WITHIN_MS);
  });
});
