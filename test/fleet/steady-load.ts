/**
 * Viewers who ask at an even rate and look at every byte, over plain sockets: a client of node:http costs as much as the server
 * that it asks. Half of the requests come on connections that are kept, half each on one of its own.
 */

import { type Socket, connect } from 'node:net';
import { connect as connectSecurely } from 'node:tls';

export interface LoadObject {
  readonly path: string;
  readonly body: Buffer;
}

interface LoadOptions {
  readonly port: number;
  readonly objects: readonly LoadObject[];
  readonly perSecond: number;
  /** by TLS, whatever the certificate */
  readonly isSecure?: boolean;
}

export interface Tally {
  /** whole answers, every byte as it should be */
  readonly answered: number;
  /** of them, those that came on a connection of their own */
  readonly onFresh: number;
  /** no answer, or a wrong one */
  readonly failures: readonly string[];
  /** answers that began and did not come to their end */
  readonly truncated: number;
  readonly slowestMs: number;
  readonly seconds: number;
}

const TICK_MS = 10;
/** So many connections are kept; who finds them all taken waits for the next tick. */
const KEPT = 32;
/** Nobody waits longer for an answer. */
const DEADLINE_MS = 15_000;
const HEAD_END = '\r\n\r\n';

/** Asks until it is stopped. */
export function startLoad(options: LoadOptions) {
  const load = new Load(options);
  return { stop: () => load.stop() };
}

class Load {
  readonly #options: LoadOptions;
  readonly #idle: Connection[] = [];
  readonly #open = new Set<Promise<void>>();
  readonly #failures: string[] = [];
  readonly #startMs = performance.now();
  readonly #timer: NodeJS.Timeout;
  #kept = 0;
  #asked = 0;
  #answered = 0;
  #onFresh = 0;
  #truncated = 0;
  #slowestMs = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  async stop(): Promise<Tally> {
    clearInterval(this.#timer);
    const seconds = (performance.now() - this.#startMs) / 1000;
    await Promise.all(this.#open);
    for (const connection of this.#idle) connection.socket.destroy();
    return {
      answered: this.#answered,
      onFresh: this.#onFresh,
      failures: this.#failures,
      truncated: this.#truncated,
      slowestMs: this.#slowestMs,
      seconds,
    };
  }

  /** As many as are due by now: a tick that comes late makes up for those that it missed, within reason. */
  #tick(): void {
    const { perSecond } = this.#options;
    const due = Math.floor(((performance.now() - this.#startMs) / 1000) * perSecond);
    const most = Math.ceil((perSecond * TICK_MS * 10) / 1000);
    this.#asked = Math.max(this.#asked, due - most);
    for (; this.#asked < due; this.#asked += 1) {
      const isKept = this.#asked % 2 === 0;
      if (isKept && this.#idle.length === 0 && this.#kept >= KEPT) continue;
      const work = this.#one(this.#asked, isKept).finally(() => this.#open.delete(work));
      this.#open.add(work);
    }
  }

  async #one(number: number, isKept: boolean): Promise<void> {
    const { port, objects, isSecure = false } = this.#options;
    const object = objects[Math.floor(number / 2) % objects.length];
    if (object === undefined) return;
    const used = isKept ? this.#idle.pop() : undefined;
    if (isKept && used === undefined) this.#kept += 1;
    const connection = used ?? new Connection(port, isSecure);
    const startMs = performance.now();
    const end = await connection.ask(object, isKept);
    this.#slowestMs = Math.max(this.#slowestMs, performance.now() - startMs);
    const goesOn = isKept && end.kind === 'whole' && !end.isLast;
    if (goesOn) this.#keep(connection);
    else connection.socket.destroy();
    if (isKept && !goesOn) this.#kept -= 1;
    if (end.kind === 'whole') {
      this.#answered += 1;
      if (!isKept) this.#onFresh += 1;
      return;
    }
    if (end.hasBegun) this.#truncated += 1;
    this.#failures.push(`${object.path} on a ${used === undefined ? 'new' : 'used'} connection: ${end.why}`);
  }

  /** One that the server closes while nobody asks on it has failed nobody. */
  #keep(connection: Connection): void {
    this.#idle.push(connection);
    connection.onClosed = () => {
      const index = this.#idle.indexOf(connection);
      if (index < 0) return;
      this.#idle.splice(index, 1);
      this.#kept -= 1;
    };
  }
}

type End =
  | { readonly kind: 'whole'; readonly isLast: boolean }
  | { readonly kind: 'failed'; readonly hasBegun: boolean; readonly why: string };

class Connection {
  readonly socket: Socket;
  onClosed: () => void = () => undefined;

  constructor(port: number, isSecure: boolean) {
    const where = { port, host: '127.0.0.1' };
    this.socket = isSecure ? connectSecurely({ ...where, rejectUnauthorized: false }) : connect(where);
    this.socket.setNoDelay(true);
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => this.onClosed());
    this.socket.on('end', () => this.socket.destroy());
  }

  ask({ path, body }: LoadObject, isKept: boolean): Promise<End> {
    const { socket } = this;
    return new Promise((resolve) => {
      let head = '';
      let got = 0;
      let isLast = false;
      let hasHead = false;
      const settle = (end: End): void => {
        clearTimeout(late);
        socket.off('data', onData);
        socket.off('error', onError);
        this.onClosed = () => undefined;
        resolve(end);
      };
      const fail = (why: string): void => settle({ kind: 'failed', hasBegun: head !== '', why });
      const take = (bytes: Buffer): void => {
        if (!bytes.equals(body.subarray(got, got + bytes.length))) return fail(`other bytes from ${got} on`);
        got += bytes.length;
        if (got === body.length) settle({ kind: 'whole', isLast });
      };
      const onData = (bytes: Buffer): void => {
        if (hasHead) return take(bytes);
        const before = head.length;
        head += bytes.toString('latin1');
        const end = head.indexOf(HEAD_END);
        if (end < 0) return;
        hasHead = true;
        const fields = head.slice(0, end).toLowerCase();
        isLast = /\r\nconnection: *close/.test(fields);
        if (!fields.startsWith('http/1.1 200 ')) return fail(fields.slice(0, fields.indexOf('\r\n')));
        const length = Number(/\r\ncontent-length: *(\d+)/.exec(fields)?.[1]);
        if (length !== body.length) return fail(`${length} bytes announced of ${body.length}`);
        take(bytes.subarray(end + HEAD_END.length - before));
      };
      const onError = (error: Error): void => fail(`${error.message} after ${got} of ${body.length} bytes`);
      const late = setTimeout(() => fail(`nothing more for ${DEADLINE_MS} ms after ${got} bytes`), DEADLINE_MS);
      this.onClosed = () => fail(`closed after ${got} of ${body.length} bytes`);
      socket.on('data', onData);
      socket.on('error', onError);
      socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n${isKept ? '' : 'Connection: close\r\n'}\r\n`);
    });
  }
}
