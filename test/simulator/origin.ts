/** The scripted origin: it answers as told, dies at any byte, stands still where told, and logs every exchange. */

import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net';
import type { Clock } from '@headwater/service/clock';
import { bodyOf } from './body.ts';
import type { Exchange, FieldMap, Sequence } from './exchange.ts';
import type { Fault, Representation } from './history.ts';
import { type Plan, planAnswer } from './origin-answer.ts';
import { type RawRequest, RequestReader } from './request-reader.ts';

/** What the origin holds for a place. */
export interface Resource {
  version: number;
  representation: Representation;
}

/** The next answer for a place stands still until it is released. */
export interface Hold {
  /** resolves once an answer stands still */
  readonly reached: Promise<void>;
  release(): void;
}

/** The trailer that says whose end it is. */
export const TRAILER = 'x-end';

interface PendingHold {
  readonly place: string;
  readonly at: number;
  readonly arrive: () => void;
  readonly released: Promise<void>;
}

export class Origin implements AsyncDisposable {
  readonly exchanges: Exchange[] = [];
  readonly resources = new Map<string, Resource>();
  readonly #faults = new Map<string, Fault[]>();
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #sequence: Sequence;
  readonly #startMs: number;
  #holds: PendingHold[] = [];
  /** grows with everything that happens here */
  activity = 0;

  constructor(clock: Clock, sequence: Sequence) {
    this.#clock = clock;
    this.#sequence = sequence;
    this.#startMs = clock.nowMs();
    this.#server = createServer((socket) => this.#accept(socket));
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How many exchanges have not ended. */
  get open(): number {
    return this.exchanges.filter(({ ended }) => ended === 'open').length;
  }

  update(place: string, representation: Representation): void {
    const before = this.resources.get(place);
    this.resources.set(place, { version: (before?.version ?? 0) + 1, representation });
  }

  /** What is held stays the same version, and says something else of its caching. */
  reword(place: string, control: string): void {
    const resource = this.resources.get(place);
    if (resource === undefined) return;
    // In the field that counts: an update takes no field away (RFC 9111 §3.2).
    const named = resource.representation.targeted === null ? { control } : { targeted: control };
    resource.representation = { ...resource.representation, ...named };
  }

  /** The next exchange of the place that no earlier fault has goes wrong so. */
  fail(place: string, fault: Fault): void {
    this.#faults.set(place, [...(this.#faults.get(place) ?? []), fault]);
  }

  clearFaults(): void {
    this.#faults.clear();
  }

  hold(place: string, at: number): Hold {
    const arrival = Promise.withResolvers<void>();
    const departure = Promise.withResolvers<void>();
    const pending = { place, at, arrive: arrival.resolve, released: departure.promise };
    this.#holds.push(pending);
    const release = (): void => {
      this.#holds = this.#holds.filter((other) => other !== pending);
      departure.resolve();
    };
    return { reached: arrival.promise, release };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    if (this.#server.listening) await once(this.#server, 'close');
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    const reader = new RequestReader();
    let busy = Promise.resolve();
    socket.on('data', (chunk) => {
      this.activity += 1;
      for (const request of reader.push(chunk)) busy = busy.then(() => this.#answer(socket, request));
    });
    // A connection that breaks is an outcome of the exchange on it, noted where it is written to.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
  }

  async #answer(socket: Socket, request: RawRequest): Promise<void> {
    const place = `${request.fields.get('x-forwarded-host') ?? '*'}${request.path}`;
    const exchange = this.#log(place, request);
    const markLeft = (): void => {
      if (exchange.ended === 'open') this.#end(exchange, 'left');
    };
    socket.once('close', markLeft);
    const hold = this.#holds.find((pending) => pending.place === place);
    this.#holds = this.#holds.filter((pending) => pending !== hold);
    if (hold !== undefined && hold.at < 0) {
      hold.arrive();
      await hold.released;
    }
    const fault = this.#faults.get(place)?.shift() ?? null;
    if (exchange.ended !== 'open') return;
    if (fault?.kind === 'refuse' || (fault?.kind === 'die' && !fault.reset && this.#endsWithItsConnection(place))) {
      this.#end(exchange, 'died');
      socket.destroy();
      return;
    }
    const plan = this.#plan(exchange, request, fault);
    await this.#write(socket, exchange, { plan, fault, hold: hold === undefined || hold.at < 0 ? null : hold });
    socket.off('close', markLeft);
  }

  /** Such a body is complete wherever its connection ends in an orderly way (RFC 9112 §8): then it dies before its head. */
  #endsWithItsConnection(place: string): boolean {
    return this.resources.get(place)?.representation.framing === 'close';
  }

  #log(place: string, { method, fields }: RawRequest): Exchange {
    const exchange: Exchange = {
      serial: this.exchanges.length + 1,
      place,
      method,
      request: fields,
      beganOrder: this.#sequence.next(),
      beganMs: this.#clock.nowMs(),
      headOrder: null,
      headMs: null,
      endOrder: null,
      status: 0,
      fields: new Map(),
      version: 0,
      variant: '',
      representation: null,
      sentFrom: 0,
      sentTo: 0,
      ended: 'open',
    };
    this.exchanges.push(exchange);
    this.activity += 1;
    return exchange;
  }

  #plan(exchange: Exchange, request: RawRequest, fault: Fault | null): Plan {
    const resource = this.resources.get(exchange.place);
    const plan = planAnswer({
      resource,
      place: exchange.place,
      request,
      status: fault?.kind === 'status' ? fault.status : null,
      serial: exchange.serial,
      nowMs: this.#clock.nowMs(),
      startMs: this.#startMs,
    });
    exchange.status = plan.status;
    exchange.fields = mapOf(plan.fields);
    exchange.version = resource?.version ?? 0;
    exchange.variant = plan.variant;
    exchange.representation = plan.bytes === null ? (resource?.representation ?? null) : null;
    exchange.sentFrom = plan.from;
    exchange.sentTo = plan.from;
    // An unsafe method that succeeds changes what it is for.
    if (resource !== undefined && plan.changes) resource.version += 1;
    return plan;
  }

  async #write(
    socket: Socket,
    exchange: Exchange,
    { plan, fault, hold }: { readonly plan: Plan; readonly fault: Fault | null; readonly hold: PendingHold | null },
  ): Promise<void> {
    const bytes = plan.bytes ?? whole(exchange).subarray(plan.from, plan.to);
    const total = plan.hasBody ? bytes.length : 0;
    const stops: number[] = [];
    const dieAt = fault?.kind === 'die' && plan.hasBody ? Math.floor(total * fault.at) : null;
    const holdAt = hold === null ? null : Math.floor(total * hold.at);
    if (holdAt !== null && (dieAt === null || holdAt < dieAt)) stops.push(holdAt);
    stops.push(dieAt ?? total);

    exchange.headOrder = this.#sequence.next();
    exchange.headMs = this.#clock.nowMs();
    this.activity += 1;
    let before = plan.head;
    let at = 0;
    for (const stop of stops) {
      const piece = frame(plan, bytes.subarray(at, stop));
      exchange.sentTo = plan.bytes === null ? plan.from + stop : plan.from;
      at = stop;
      await written(socket, before, piece);
      before = '';
      if (stop === holdAt && hold !== null) {
        hold.arrive();
        await hold.released;
      }
      if (exchange.ended !== 'open') return;
    }
    if (hold !== null) hold.arrive();
    if (dieAt !== null) return this.#die(socket, exchange, fault?.kind === 'die' && fault.reset);
    if (plan.framing === 'chunked' && plan.hasBody) await written(socket, '', Buffer.from(lastChunk(exchange)));
    this.#end(exchange, 'complete');
    if (plan.framing === 'close' && plan.hasBody) socket.end();
  }

  #die(socket: Socket, exchange: Exchange, reset: boolean): void {
    this.#end(exchange, 'died');
    if (reset) socket.resetAndDestroy();
    else socket.destroy();
  }

  #end(exchange: Exchange, how: Exchange['ended']): void {
    if (exchange.ended !== 'open') return;
    exchange.ended = how;
    exchange.endOrder = this.#sequence.next();
    this.activity += 1;
  }
}

function whole({ place, version, variant, representation }: Exchange): Buffer {
  return bodyOf({ place, version, variant, lengthBytes: representation?.lengthBytes ?? 0 });
}

/** With trailers (RFC 9112 §7.1.2) where it has them. */
function lastChunk({ serial, representation }: Exchange): string {
  return `0\r\n${representation?.extras === true ? `${TRAILER}: ${serial}\r\n` : ''}\r\n`;
}

function frame({ framing, hasBody }: Plan, piece: Buffer): Buffer {
  if (!hasBody || piece.length === 0) return Buffer.alloc(0);
  if (framing !== 'chunked') return piece;
  return Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]);
}

/** Resolves when the bytes are with the system, or the connection is gone. */
function written(socket: Socket, head: string, body: Buffer): Promise<void> {
  if (head === '' && body.length === 0) return Promise.resolve();
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve();
    socket.once('close', resolve);
    const done = (): void => {
      socket.off('close', resolve);
      resolve();
    };
    if (head !== '' && body.length > 0) {
      socket.cork();
      socket.write(head, 'latin1');
      socket.write(body, done);
      socket.uncork();
    } else if (head === '') socket.write(body, done);
    else socket.write(head, 'latin1', done);
  });
}

/** Fields as the model looks them up. */
export function mapOf(pairs: readonly (readonly [string, string])[]): FieldMap {
  const fields = new Map<string, string>();
  for (const [name, value] of pairs) {
    const lower = name.toLowerCase();
    const before = fields.get(lower);
    fields.set(lower, before === undefined ? value : `${before}, ${value}`);
  }
  return fields;
}
