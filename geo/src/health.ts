/**
 * Which edges answer, as seen from here. The feed tells who lost its heartbeat a few seconds ago; a probe twice a second tells
 * who stopped answering sooner, and who answers though the control plane has lost it.
 */

import type { FeedState } from '@headwater/protocol/feed-state';
import type { NodeRecord } from '@headwater/protocol/node';
import { Agent, request } from 'undici';

/** `unknown` until enough probes agree. */
export type Verdict = 'up' | 'down' | 'unknown';

interface ProbesOptions {
  readonly state: FeedState;
  readonly onChange: (id: string, verdict: Verdict) => void;
}

const PROBE_INTERVAL_MS = 500;
/** Shorter than the interval: an edge that hangs is found out as soon as one that is gone. */
const PROBE_DEADLINE_MS = 450;
/** So many probes in a row. */
const TO_BE_DOWN = 3;
const TO_BE_UP = 2;
/** Probes under way at once. */
const PROBE_LIMIT = 256;

interface Standing {
  readonly url: string;
  verdict: Verdict;
  failures: number;
  successes: number;
}

/** Probes every edge of the feed. */
export class Probes implements AsyncDisposable {
  readonly #options: ProbesOptions;
  readonly #agent = new Agent({ connections: 1, keepAliveTimeout: 10_000, connect: { timeout: PROBE_DEADLINE_MS } });
  readonly #standings = new Map<string, Standing>();
  readonly #timer: NodeJS.Timeout;
  /** edges whose turn it is, in order: in a large fleet one begins as another ends */
  readonly #due = new Set<string>();
  #underWay = 0;

  constructor(options: ProbesOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#round(), PROBE_INTERVAL_MS);
    this.#round();
  }

  verdict(id: string): Verdict {
    return this.#standings.get(id)?.verdict ?? 'unknown';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#due.clear();
    await this.#agent.destroy();
  }

  #round(): void {
    const { nodes } = this.#options.state;
    for (const id of this.#standings.keys()) if (!nodes.has(id)) this.#standings.delete(id);
    for (const { id, role } of nodes.values()) if (role === 'edge') this.#due.add(id);
    this.#begin();
  }

  #begin(): void {
    for (const id of this.#due) {
      if (this.#underWay >= PROBE_LIMIT) return;
      this.#due.delete(id);
      const node = this.#options.state.nodes.get(id);
      if (node === undefined) continue;
      this.#underWay += 1;
      void this.#probe(node).finally(() => {
        this.#underWay -= 1;
        this.#begin();
      });
    }
  }

  async #probe({ id, url }: NodeRecord): Promise<void> {
    const answers = await isAnswering(url, this.#agent);
    const standing = this.#standingOf(id, url);
    standing.failures = answers ? 0 : standing.failures + 1;
    standing.successes = answers ? standing.successes + 1 : 0;
    if (standing.failures >= TO_BE_DOWN) this.#judge(id, standing, 'down');
    else if (standing.successes >= TO_BE_UP) this.#judge(id, standing, 'up');
  }

  /** A node that moved is judged anew. */
  #standingOf(id: string, url: string): Standing {
    const known = this.#standings.get(id);
    if (known?.url === url) return known;
    const fresh: Standing = { url, verdict: 'unknown', failures: 0, successes: 0 };
    this.#standings.set(id, fresh);
    return fresh;
  }

  #judge(id: string, standing: Standing, verdict: Verdict): void {
    if (standing.verdict === verdict) return;
    standing.verdict = verdict;
    this.#options.onChange(id, verdict);
  }
}

/** Any answer counts: one that is not ready says so in its heartbeat as well. */
async function isAnswering(url: string, dispatcher: Agent): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(PROBE_DEADLINE_MS);
    const { body } = await request(`${url}/readyz`, { dispatcher, signal });
    await body.dump();
    return true;
  } catch {
    return false;
  }
}
