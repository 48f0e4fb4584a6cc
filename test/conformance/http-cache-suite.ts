/** The public suite of HTTP cache tests (`http-cache-tests`): its server as the origin, and its client before an edge. */

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setBaseUrl, setFetch } from 'http-cache-tests/client/config.mjs';
import { makeCacheTest, testResults } from 'http-cache-tests/client/test.mjs';
import suites, { type CacheTest } from 'http-cache-tests/tests/index.mjs';
import { Child } from '@headwater/test/fleet/child.ts';
import { childEnvironment } from '@headwater/test/fleet/config.ts';
import { reservePorts } from '@headwater/test/fleet/ports.ts';

/** Most tests wait three seconds for something to grow old. */
const TOGETHER = 100;

const SUITE = join(createRequire(import.meta.url).resolve('http-cache-tests/package.json'), '..');

/** One test and how it ended. */
export interface Verdict {
  readonly id: string;
  readonly kind: 'required' | 'optimal';
  /** null when it passed */
  readonly complaint: string | null;
}

/** Starts the suite's own server. */
export async function startSuiteOrigin(): Promise<Child & { readonly url: URL }> {
  const [port = 0] = await reservePorts(1);
  const child = new Child({
    name: 'the suite’s server',
    command: process.execPath,
    args: [join(SUITE, 'server/server.mjs')],
    env: {
      ...childEnvironment(),
      npm_config_protocol: 'http',
      npm_config_port: String(port),
      npm_config_pidfile: '/dev/null',
    },
  });
  await child.says(/Listening on/, 10_000);
  return Object.assign(child, { url: new URL(`http://127.0.0.1:${port}`) });
}

/**
 * Puts all tests that say what a cache must do, or does best, to a cache. What fails is tried once more with few beside it: the
 * suite lives by real seconds, and a machine that stands still for one of them is no fault of the cache's.
 */
export async function judgeCache(baseUrl: string): Promise<Verdict[]> {
  setBaseUrl(baseUrl);
  setFetch(asWritten);
  const tests = suites.flatMap((suite) => suite.tests).filter((test) => kindOf(test) !== 'check' && !test.browser_only);
  const verdicts = new Map(await runAll(tests, TOGETHER));
  const failed = tests.filter(({ id }) => verdicts.get(id)?.complaint !== null);
  for (const [id, verdict] of await runAll(failed, TOGETHER / 5)) verdicts.set(id, verdict);
  return [...verdicts.values()];
}

async function runAll(tests: readonly CacheTest[], together: number): Promise<[string, Verdict][]> {
  const waiting = [...tests];
  const verdicts: [string, Verdict][] = [];
  const run = async (): Promise<void> => {
    for (let test = waiting.shift(); test !== undefined; test = waiting.shift()) {
      delete testResults[test.id];
      // It writes into what it is given.
      await makeCacheTest(structuredClone(test));
      const result = testResults[test.id] ?? ['Lost', 'no result'];
      const complaint = result === true ? null : result.join(': ');
      verdicts.push([test.id, { id: test.id, kind: kindOf(test) === 'optimal' ? 'optimal' : 'required', complaint }]);
    }
  };
  await Promise.all(Array.from({ length: together }, run));
  return verdicts;
}

function kindOf({ kind }: CacheTest): NonNullable<CacheTest['kind']> {
  return kind ?? 'required';
}

/**
 * Fetch adds `Cache-Control: no-cache` to conditional requests that have no Cache-Control. The suite gives those without any
 * fields of their own a meaningless one against it; here all others get it, too.
 */
function asWritten(url: string, init: RequestInit = {}): Promise<Response> {
  const headers = [...((init.headers ?? []) as [string, string][])];
  for (const [name, value] of [
    ['Cache-Control', 'nothing-to-see-here'],
    ['Pragma', 'foo'],
  ] as const) {
    if (!headers.some(([other]) => other.toLowerCase() === name.toLowerCase())) headers.push([name, value]);
  }
  return fetch(url, { ...init, headers });
}
