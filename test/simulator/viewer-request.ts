/** A viewer of a history: asks exactly what a step says and notes every byte of what comes. */

import { Agent, type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import { mapOf } from './origin.ts';
import type { Asked } from './exchange.ts';
import type { RequestSpec } from './history.ts';

/** What is sent for a request spec. */
export interface Outgoing {
  readonly path: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/** A request on its way. */
export interface Viewer {
  readonly asked: Asked;
  /** resolves when all is said: the answer ended, was cut, or the reader left */
  readonly done: Promise<void>;
  /** lets a slow reader read */
  resume(): void;
  /** gives up waiting */
  abandon(): void;
}

export interface Sending {
  readonly port: number;
  readonly outgoing: Outgoing;
  readonly asked: Asked;
  /** called with everything that arrives */
  readonly onActivity: () => void;
  /** notes when it was over */
  readonly onOver: (asked: Asked) => void;
}

/** The connections of one edge's life. */
export interface Line {
  /** Sends a request; the answer is collected in `asked`. */
  send(sending: Sending): Viewer;
  destroy(): void;
}

/** As many connections as there are requests at once. */
export class Http1Line implements Line {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Infinity });

  send(sending: Sending): Viewer {
    return send(sending, this.#agent);
  }

  destroy(): void {
    this.#agent.destroy();
  }
}

function send({ port, outgoing, asked, onActivity, onOver }: Sending, agent: Agent): Viewer {
  const { method, isSlow, leavesAtByte } = asked.request;
  const over = Promise.withResolvers<void>();
  let answer: IncomingMessage | null = null;
  let isOver = false;
  let isResumed = false;
  const settle = (): void => {
    if (isOver) return;
    isOver = true;
    onOver(asked);
    onActivity();
    over.resolve();
  };
  const sent: ClientRequest = httpRequest({
    host: '127.0.0.1',
    port,
    agent,
    method,
    path: outgoing.path,
    headers: outgoing.fields,
  });
  sent.on('information', ({ statusCode }) => asked.information.push(statusCode));
  // What it looks like from here when the edge cuts the connection: the note is what was received until then.
  sent.on('error', settle);
  sent.on('response', (response) => {
    answer = response;
    onActivity();
    asked.status = response.statusCode ?? 0;
    asked.answer = mapOf(pairsOf(response.rawHeaders));
    collect(response);
  });
  sent.end(outgoing.body ?? undefined);

  function collect(response: IncomingMessage): void {
    const pieces: Buffer[] = [];
    let length = 0;
    const close = (): void => {
      asked.body = Buffer.concat(pieces);
      asked.trailers = mapOf(pairsOf(response.rawTrailers));
      asked.isComplete = response.complete;
      settle();
    };
    response.on('data', (piece: Buffer) => {
      onActivity();
      pieces.push(piece);
      length += piece.length;
      if (leavesAtByte === null || length < leavesAtByte) return;
      asked.hasLeft = true;
      response.destroy();
      close();
    });
    response.on('error', close);
    response.on('end', close);
    response.on('close', close);
    if (isSlow && !isResumed) response.pause();
  }

  return {
    asked,
    done: over.promise,
    resume() {
      // The answer may be on its way yet.
      isResumed = true;
      answer?.resume();
    },
    abandon() {
      asked.hasHung = true;
      sent.destroy();
      settle();
    },
  };
}

export function pairsOf(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) pairs.push([raw[at] ?? '', raw[at + 1] ?? '']);
  return pairs;
}

/** Which of the body's bytes a range asks for, in the words of its field. */
export function rangeField(range: NonNullable<RequestSpec['range']>, lengthBytes: number): string {
  const third = Math.floor(lengthBytes / 3);
  switch (range) {
    case 'first':
      return `bytes=0-${Math.max(third, 1) - 1}`;
    case 'middle':
      return `bytes=${third}-${2 * third}`;
    case 'open':
      return `bytes=${third}-`;
    case 'suffix':
      return `bytes=-${Math.max(third, 1)}`;
    case 'last-byte':
      return `bytes=${lengthBytes - 1}-${lengthBytes + 99}`;
    case 'beyond':
      return `bytes=${lengthBytes + 10}-${lengthBytes + 20}`;
    case 'two':
      return `bytes=0-0,${third}-${third + 9}`;
  }
}
