/** A control plane for tests that is a process of its own, so that it can be killed. */

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { killChild } from './test-child.ts';
import { type Answer, ADMIN, JOIN } from './test-plane.ts';

export interface PlaneProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly url: string;
  /** lines of its log */
  readonly log: readonly string[];
  /** Calls it; as the admin unless another bearer is given. */
  call(method: string, path: string, options?: { readonly body?: object; readonly bearer?: string }): Promise<Answer>;
  kill(): Promise<void>;
}

/** @param env variables besides those that every test's control plane has */
export async function startPlaneProcess(env: Readonly<Record<string, string>>): Promise<PlaneProcess> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
    stdio: ['ignore', 'inherit', 'pipe'],
    env: { HEADWATER_CONTROL_PORT: '0', HEADWATER_ADMIN_TOKEN: ADMIN, HEADWATER_JOIN_TOKEN: JOIN, ...env },
  });
  const log: string[] = [];
  const { promise: started, resolve, reject } = Promise.withResolvers<number>();
  createInterface({ input: child.stderr })
    .on('line', (line) => {
      log.push(line);
      const entry = JSON.parse(line.startsWith('{') ? line : '{}') as {
        readonly event?: string;
        readonly port?: number;
      };
      if (entry.event === 'started') resolve(entry.port ?? 0);
    })
    .on('close', () => reject(new Error(`the control plane ended before it was ready: ${log.at(-1)}`)));
  const url = `http://127.0.0.1:${await started}`;
  return {
    child,
    url,
    log,
    kill: () => killChild(child),
    async call(method, path, { body, bearer = ADMIN } = {}) {
      const answer = await fetch(url + path, {
        method,
        headers: { authorization: `Bearer ${bearer}` },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      const received = JSON.parse(text === '' ? '{}' : text) as Answer['body'];
      return { status: answer.status, headers: answer.headers, body: received };
    },
    [Symbol.asyncDispose]: () => killChild(child),
  };
}
