/** A machine becomes an edge by one command, comes back by itself, and is out for good once it is removed. */

import assert from 'node:assert/strict';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { Child } from '../fleet/child.ts';
import { childEnvironment } from '../fleet/config.ts';
import { ROOT, startFleet, type Fleet, type OnAir } from '../fleet/fleet.ts';
import { reservePorts } from '../fleet/ports.ts';
import { until } from '../fleet/until.ts';

const SERVES_WITHIN_MS = 15_000;

interface Listed {
  readonly edges: readonly { readonly id: string; readonly url: string; readonly condition: string }[];
}

suite('onboarding', () => {
  let fleet: Fleet;
  let show: OnAir;
  before(async () => {
    fleet = await startFleet({ edges: 1 });
    show = await fleet.putOnAir('show');
  });
  after(() => fleet?.[Symbol.asyncDispose]());

  /** `headwater …` as an operator of the fleet. */
  function headwater(args: readonly string[], variables: Readonly<Record<string, string>> = {}): Child {
    const env = childEnvironment({
      HEADWATER_CONTROL_URL: fleet.plan.controlUrl,
      HEADWATER_ADMIN_TOKEN: fleet.adminToken,
      ...variables,
    });
    const flags = ['--disable-warning=ExperimentalWarning', join(ROOT, 'packages/cli/src/main.ts')];
    return new Child({ name: `headwater ${args[0]}`, command: process.execPath, args: [...flags, ...args], env });
  }

  async function run(
    args: readonly string[],
    variables: Readonly<Record<string, string>> = {},
  ): Promise<{ readonly code: number | null; readonly output: string }> {
    const child = headwater(args, variables);
    const { code } = await child.exited;
    return { code, output: child.output.trim() };
  }

  /** The edges as geo ranks them for a viewer of the stream. */
  async function ranked(): Promise<Listed['edges']> {
    const response = await fetch(show.viewer.urls.hls, { headers: { accept: 'application/json' } });
    return ((await response.json()) as Listed).edges;
  }

  test('a token and a command: the first viewer is served within 15 s; a second node gets nothing by it', async (t) => {
    await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-join-'));
    const [port = 0] = await reservePorts(1);
    const { code, output: token } = await run(['token', 'create', '--role', 'edge', '--zone', 'eu', '--ttl', '1h']);
    assert.equal(code, 0, token);
    assert.match(token, /^hwj_[A-Za-z0-9_-]{32}$/);
    const replicas = `http://127.0.0.1:9,${fleet.plan.controlUrl}`;
    const join1 = ['edge', 'join', replicas, '--token', token, '--id', 'edge-new', '--port', String(port)];
    const startMs = performance.now();
    let edge = headwater(join1, { HEADWATER_DATA_DIR: directory.path });
    await using _ = { [Symbol.asyncDispose]: () => edge[Symbol.asyncDispose]() };
    const mine = await until('geo to send viewers to the new edge', SERVES_WITHIN_MS, async () => {
      const found = (await ranked()).find(({ id }) => id === 'edge-new');
      return found?.condition === 'serving' || found?.condition === 'starting' ? found : null;
    }).catch((cause: unknown) => {
      throw new Error(`it did not come: ${edge.output}\n${fleet.told()}`, { cause });
    });
    const served = await fetch(mine.url);
    assert.equal(served.status, 200);
    assert.match(await served.text(), /^#EXTM3U/);
    const tookMs = performance.now() - startMs;
    t.diagnostic(`served its first viewer ${Math.round(tookMs)} ms after the command`);
    assert.ok(tookMs < SERVES_WITHIN_MS, `${tookMs} ms`);
    const node = (await fleet.api.nodes()).find(({ id }) => id === 'edge-new');
    assert.equal(node?.zone, 'eu', 'the token says where it is');

    const thief = { HEADWATER_DATA_DIR: join(directory.path, 'thief') };
    const again = await run([...join1.slice(0, -4), '--id', 'edge-thief', '--port', '1'], thief);
    assert.equal(again.code, 1);
    assert.match(again.output, /^headwater: .*\(join_token_used\)$/m);

    const stranger = await run([...join1.slice(0, 3), '--token', 'garbage'], thief);
    assert.equal(stranger.code, 77);
    assert.match(stranger.output, /^headwater: the join token is not valid; make one .*--role edge \(unauthorized\)$/m);

    // The plain command needs no token to come back.
    edge.signal('SIGTERM');
    await edge.exited;
    edge = headwater(['edge'], {
      HEADWATER_DATA_DIR: directory.path,
      HEADWATER_CONTROL_URL: '',
      HEADWATER_ADMIN_TOKEN: '',
    });
    await until('the edge to be back', SERVES_WITHIN_MS, async () => {
      return (await fetch(mine.url, { signal: AbortSignal.timeout(1_000) })).ok;
    });

    assert.equal((await run(['nodes', 'drain', 'edge-new'])).code, 0);
    assert.match((await run(['nodes'])).output, /^edge-new +edge +eu +draining /m);
    assert.equal((await run(['nodes', 'remove', 'edge-new'])).code, 0);
    assert.doesNotMatch((await run(['nodes'])).output, /edge-new/);
    await until('geo to forget it', 5_000, async () => !(await ranked()).some(({ id }) => id === 'edge-new'));
    const events = await edge.says(/fleet_removed/, 10_000);
    assert.ok(events);
  });

  test('operators are told where a viewer is taken to be, and why it goes to which edge', async () => {
    const question = ['explain', '--ip', '2a02:908::1', '--stream', 'show'];
    const { code, output } = await run(question);
    assert.equal(code, 0, output);
    const [asked = '', located = '', , , heading = '', first = ''] = output.split('\n');
    assert.equal(asked, '2a02:908::1 asks geo for show');
    assert.match(located, /^located +DE; [\d.]+, [\d.]+ \(by country\)$/);
    assert.match(heading, /^# +EDGE +ZONE +STATE +DISTANCE +LOAD +WHY$/);
    assert.match(first, /^1 +edge-1 +default +\w+ .* taken: /);
    const told = JSON.parse((await run([...question, '--json'])).output) as { edges: { id: string; rank: number }[] };
    assert.deepEqual(
      told.edges.map(({ id, rank }) => [id, rank]),
      [['edge-1', 1]],
    );
    const unknown = await run(['explain', '--ip', '203.0.113.7', '--stream', 'nobody']);
    assert.deepEqual([unknown.code, unknown.output], [1, 'headwater: stream not found (stream_not_found)']);
    const geo = await fetch(`${new URL(show.viewer.urls.hls).origin}/explain`);
    assert.equal(geo.status, 401, 'geo tells nobody but the control plane');
  });

  test('each list and answer comes for programs, too', async () => {
    const json = async (...args: string[]): Promise<unknown> => JSON.parse((await run([...args, '--json'])).output);
    const made = (await json('streams', 'create', 'news')) as { publishUrl: string };
    assert.match(made.publishUrl, /^rtmp:/);
    assert.ok(((await json('streams')) as { stream: string }[]).some(({ stream }) => stream === 'news'));
    assert.ok(((await json('top')) as { id: string }[]).some(({ id }) => id === 'edge-1'));
    const viewer = (await json('tokens', 'viewer', 'news', '--ttl', '60s')) as { urls: { watch: string } };
    assert.match(viewer.urls.watch, /\/watch\/news\?/);
    assert.deepEqual(await json('nodes', 'drain', 'edge-1'), { id: 'edge-1', draining: true });
    // geo keeps a connection for its probes, and nobody watches here.
    assert.equal((await run(['nodes', 'drain', 'edge-1', '--wait', '10s'])).code, 0);
    assert.deepEqual(await json('nodes', 'undrain', 'edge-1'), { id: 'edge-1', draining: false });
    assert.equal(await json('streams', 'delete', 'news'), null);
  });

  test('operators purge and configure from the terminal', async () => {
    const purge = await run(['purge', '--tag', 'stream:show']);
    assert.deepEqual(purge.code, 0, purge.output);
    assert.match(purge.output, /^purge [a-z0-9-]+: 1\/1 in \d+ ms$/);
    await using directory = await mkdtempDisposable(join(tmpdir(), 'headwater-config-'));
    const file = join(directory.path, 'settings.json');
    await writeFile(file, '{"steeringTtlSeconds":3}');
    const set = await run(['config', 'set', file, '--share', '100']);
    assert.equal(set.output, 'version 1 for 100% of the nodes\n  steeringTtlSeconds: null → 3');
    await until('the edge to steer by it', 5_000, async () => {
      const answer = await fetch(`${fleet.plan.edgeUrls[0]}/steering/hls?stream=show&pathways=edge-1`);
      return ((await answer.json()) as { TTL: number }).TTL === 3;
    });
  });

  test('whoever publishes a stream that is deleted is cut off, also when it is made anew at once', async () => {
    await fleet.api.request('DELETE', '/v1/streams/show');
    assert.notEqual((await fleet.api.createStream({ name: 'show', policy: 'token' })).key, show.key);
    await until('the publisher to be cut off', 5_000, () => show.publisher.exit !== undefined);
    await until('the stream to be free', 5_000, async () => {
      return ((await (await fleet.api.request('GET', '/v1/streams/show')).json()) as { origin: null }).origin === null;
    });
  });
});
