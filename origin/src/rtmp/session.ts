/**
 * The life of an ingest session; every transition is in this file.
 *
 *     opening ── connect (app `live`) ──▶ connected ── publish ──▶ deciding ── desk: yes ──▶ publishing ──▶ ended
 *
 * From anywhere to `ended`: a violation, a deadline, a refusal, a disconnect. Nothing that a peer sends is taken as media
 * before `publishing`, and nothing at all after `ended`.
 */

import type { Duplex } from 'node:stream';
import type { Clock } from '@headwater/service/clock';
import type { PublishDesk, PublishRequest, PublishSink } from '../publish.ts';
import { MediaTime } from './media-time.ts';
import { isLiveApp, readPublishName } from './publish-name.ts';
import type { EndCode, Peer, RefusalCode, RtmpEvents } from './rtmp-events.ts';
import {
  ANNOUNCED_WINDOW_BYTES,
  DECISION_DEADLINE_MS,
  HOLD_BACK_LIMIT_MS,
  LINGER_MS,
  MAX_COMMANDS_BEFORE_PUBLISH,
  MAX_MESSAGES_AWAITING_DECISION,
  MAX_OUTBOUND_BYTES,
  type RtmpLimits,
} from './rtmp-limits.ts';
import { type RtmpCommand, type RtmpMedia, RtmpProtocol } from './rtmp-protocol.ts';
import { RtmpViolation } from './violation.ts';

export interface SessionOptions {
  readonly socket: Duplex;
  readonly peer: Peer;
  readonly limits: RtmpLimits;
  readonly desk: PublishDesk;
  readonly events: RtmpEvents;
  readonly clock: Clock;
}

type State =
  | { readonly name: 'opening' }
  | { readonly name: 'connected'; readonly tcUrl: string }
  | { readonly name: 'deciding'; readonly stream: string; readonly waiting: RtmpMedia[] }
  | { readonly name: 'publishing'; readonly stream: string; readonly sink: PublishSink; held: boolean }
  | { readonly name: 'ended' };

/** SetPeerBandwidth's limit type "dynamic" (RTMP 1.0 §5.4.5). */
const DYNAMIC = 2;
/** User control event (§7.1.7). */
const STREAM_BEGIN = 0;

/** One publisher's connection. */
export class RtmpSession {
  readonly #options: SessionOptions;
  readonly #protocol: RtmpProtocol;
  readonly #time = new MediaTime();
  readonly #closed = Promise.withResolvers<void>();
  #state: State = { name: 'opening' };
  /** when the present state has lasted too long, on the monotonic clock */
  #dueMs = 0;
  #receivedBytes = 0;
  #commands = 0;

  constructor(options: SessionOptions) {
    const { socket, limits, peer, events } = options;
    this.#options = options;
    this.#protocol = new RtmpProtocol({
      maxVideoMessageBytes: limits.maxVideoMessageBytes,
      mediaAllowed: () => this.#state.name === 'publishing' || this.#state.name === 'deciding',
      onCommand: (command) => this.#onCommand(command),
      onMedia: (media) => this.#onMedia(media),
      onOutput: (bytes) => this.#send(bytes),
    });
    this.#due(limits.publishDeadlineMs);
    events.connectionOpened(peer);
    socket.on('data', (bytes: Buffer) => this.#onData(bytes));
    socket.on('end', () => this.#end('disconnected'));
    // The error's consequence is the close that follows it.
    socket.on('error', (error) => this.#end('disconnected', error.message));
    socket.on('close', () => this.#onClose());
  }

  /** Settles when the socket is gone. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Called a few times a second. */
  checkDeadline(): void {
    if (this.#options.clock.monotonicMs() < this.#dueMs) return;
    switch (this.#state.name) {
      case 'opening':
      case 'connected':
        return this.#refuse(this.#protocol.handshakeDone ? 'publish_deadline' : 'handshake_deadline');
      case 'deciding':
        return this.#denyPublish('not_ready', 'the desk did not decide in time');
      case 'publishing':
        return this.#end(this.#state.held ? 'held_back' : 'idle');
      case 'ended':
        this.#options.socket.destroy();
    }
  }

  /** The origin is going down. */
  shutdown(): void {
    this.#end('shutdown');
  }

  /** Does not wait for the peer. */
  destroy(): void {
    this.#options.socket.destroy();
  }

  #onData(bytes: Buffer): void {
    if (this.#state.name === 'ended') return;
    this.#receivedBytes += bytes.length;
    this.#options.events.received(bytes.length);
    try {
      this.#protocol.receive(bytes);
    } catch (error) {
      // The library throws whatever it meets in malformed bytes; the parser's place in the stream is lost either way.
      const code = error instanceof RtmpViolation ? error.code : 'malformed';
      this.#violation(code, error instanceof Error ? error.message : String(error));
    }
  }

  #onCommand(command: RtmpCommand): void {
    if (this.#state.name === 'ended') return;
    this.#countCommand();
    switch (command.name) {
      case 'connect':
        return this.#connect(command);
      case 'createStream':
        return this.#createStream(command);
      case 'publish':
        return this.#publish(command);
      case 'play':
      case 'play2':
        return this.#refusePlay(command);
      case 'FCUnpublish':
      case 'closeStream':
      case 'deleteStream':
        return this.#unpublish();
      default:
        // releaseStream, FCPublish and _checkbw ask for nothing that a publisher waits for.
        return;
    }
  }

  #countCommand(): void {
    this.#commands += 1;
    if (this.#state.name === 'publishing' || this.#commands <= MAX_COMMANDS_BEFORE_PUBLISH) return;
    throw new RtmpViolation('commands_before_publish', `more than ${MAX_COMMANDS_BEFORE_PUBLISH} commands`);
  }

  #connect({ app, tcUrl, transaction }: RtmpCommand): void {
    if (this.#state.name !== 'opening') throw new RtmpViolation('command_order', 'a second connect');
    if (!isLiveApp(app)) {
      const info = { level: 'error', code: 'NetConnection.Connect.Rejected', description: 'unknown application' };
      this.#protocol.sendInvokeMessage(0, { cmd: '_error', transId: transaction, cmdObj: null, info });
      return this.#refuse('unknown_app');
    }
    this.#state = { name: 'connected', tcUrl };
    this.#protocol.sendWindowACK(ANNOUNCED_WINDOW_BYTES);
    this.#protocol.setPeerBandwidth(ANNOUNCED_WINDOW_BYTES, DYNAMIC);
    this.#protocol.setChunkSize(this.#protocol.outChunkSize);
    this.#protocol.objectEncoding = 0;
    this.#protocol.respondConnect(transaction);
  }

  #createStream({ transaction }: RtmpCommand): void {
    if (this.#state.name === 'opening') throw new RtmpViolation('command_order', 'createStream before connect');
    this.#protocol.respondCreateStream(transaction);
  }

  #publish({ streamId, streamName }: RtmpCommand): void {
    if (this.#state.name === 'opening') throw new RtmpViolation('command_order', 'publish before connect');
    if (this.#state.name !== 'connected') throw new RtmpViolation('publish_twice', 'a second publish');
    this.#protocol.streamId = streamId;
    const named = readPublishName(streamName, this.#state.tcUrl);
    if (named === null) {
      this.#sayStatus('error', 'NetStream.Publish.BadName', 'no such stream');
      return this.#refuse('stream_name');
    }
    this.#state = { name: 'deciding', stream: named.stream, waiting: [] };
    this.#due(DECISION_DEADLINE_MS);
    this.#options.socket.pause();
    void this.#decide({ ...named, remoteAddress: this.#options.peer.address });
  }

  async #decide(request: PublishRequest): Promise<void> {
    const { desk, events, peer } = this.#options;
    const decision = await desk.open(request).catch((error: unknown) => {
      events.liveFailed(peer, error);
      return { ok: false, code: 'not_ready' } as const;
    });
    if (this.#state.name !== 'deciding') {
      if (decision.ok) decision.sink.close('the publisher left before it was admitted');
      return;
    }
    if (!decision.ok) return this.#denyPublish(decision.code);
    this.#startPublishing(this.#state, decision.sink);
  }

  #denyPublish(code: RefusalCode, detail?: string): void {
    // BadName is what encoders know for "somebody else is publishing this stream".
    const status = code === 'stream_claimed' ? 'NetStream.Publish.BadName' : 'NetStream.Publish.Denied';
    this.#sayStatus('error', status, code);
    this.#refuse(code, detail);
  }

  #startPublishing({ stream, waiting }: State & { name: 'deciding' }, sink: PublishSink): void {
    const { events, limits, peer, socket } = this.#options;
    this.#state = { name: 'publishing', stream, sink, held: false };
    this.#due(limits.idleMs);
    events.publishStarted(peer, stream);
    void sink.closed.then(
      ({ reason, refusal }) =>
        refusal === undefined ? this.#end('ended_by_origin', reason) : this.#reject(refusal, reason),
      (error: unknown) => this.#sinkFailed(error),
    );
    this.#protocol.streamApp = 'live';
    this.#protocol.streamName = stream;
    this.#protocol.sendStreamStatus(STREAM_BEGIN, this.#protocol.streamId);
    this.#protocol.respondPublish();
    socket.resume();
    for (const media of waiting) this.#onMedia(media);
  }

  #onMedia(media: RtmpMedia): void {
    switch (this.#state.name) {
      case 'deciding':
        if (this.#state.waiting.length >= MAX_MESSAGES_AWAITING_DECISION) {
          throw new RtmpViolation('messages_before_decision', 'media before the answer to the publish');
        }
        this.#state.waiting.push(media);
        return;
      case 'publishing':
        return this.#pass(this.#state, media);
      case 'opening':
      case 'connected':
        throw new RtmpViolation('media_before_publish', 'media without an accepted publish');
      case 'ended':
        return;
    }
  }

  #pass(state: State & { name: 'publishing' }, { kind, clockMs, payload }: RtmpMedia): void {
    const timestampMs = kind === 'data' ? this.#time.peek(clockMs) : this.#time.advance(clockMs);
    if (kind !== 'data' && !state.held) this.#due(this.#options.limits.idleMs);
    this.#options.events.packetAccepted(kind);
    try {
      const more = state.sink.write({ kind, timestampMs, payload });
      if (!more && !state.held) void this.#holdBack(state);
    } catch (error) {
      this.#sinkFailed(error);
    }
  }

  /** Stops reading; TCP makes the publisher wait. The rest of the read that is being parsed still goes to the sink. */
  async #holdBack(state: State & { name: 'publishing' }): Promise<void> {
    const { events, limits, peer, socket } = this.#options;
    state.held = true;
    this.#due(HOLD_BACK_LIMIT_MS);
    events.heldBack(peer, state.stream);
    socket.pause();
    try {
      await state.sink.drained();
    } catch (error) {
      return this.#sinkFailed(error);
    }
    if (this.#state !== state) return;
    state.held = false;
    this.#due(limits.idleMs);
    socket.resume();
  }

  /** What an accepted publisher sends is not taken. Its codec is known no earlier: connect tells of abilities, not of plans. */
  #reject(code: RefusalCode, detail: string): void {
    if (this.#state.name !== 'publishing') return;
    this.#sayStatus('error', 'NetStream.Publish.Rejected', `${code}: ${detail}`);
    this.#options.events.refused(this.#options.peer, code, detail);
    this.#leave('ended_by_origin', code);
    this.#lastWords();
  }

  /** A fault of ours ends this publish, never the process. */
  #sinkFailed(error: unknown): void {
    this.#options.events.liveFailed(this.#options.peer, error);
    this.#end('ended_by_origin', 'the live pipeline failed');
  }

  #refusePlay({ streamId }: RtmpCommand): void {
    if (this.#state.name === 'publishing') return;
    this.#protocol.sendStatusMessage(
      streamId,
      'error',
      'NetStream.Play.Failed',
      'this is an ingest; play by HLS or DASH',
    );
    this.#refuse('play');
  }

  #unpublish(): void {
    if (this.#state.name !== 'deciding' && this.#state.name !== 'publishing') return;
    this.#end('unpublished');
  }

  /** Turns away a peer that is told so in RTMP, or has nothing to be told. */
  #refuse(code: RefusalCode, detail?: string): void {
    if (this.#state.name === 'ended') return;
    this.#options.events.refused(this.#options.peer, code, detail);
    this.#state = { name: 'ended' };
    this.#lastWords();
  }

  #violation(code: RefusalCode, detail: string): void {
    const before = this.#state;
    if (before.name === 'ended') return;
    this.#options.events.refused(this.#options.peer, code, detail);
    this.#leave('violation', code);
    this.#options.socket.destroy();
  }

  #end(code: EndCode, detail?: string): void {
    if (this.#state.name === 'ended') return;
    if (this.#state.name === 'publishing') this.#sayStatus('status', 'NetStream.Unpublish.Success', detail ?? code);
    this.#leave(code, detail);
    this.#lastWords();
  }

  /** Enters `ended` and lets go of the stream. */
  #leave(code: EndCode, detail?: string): void {
    const before = this.#state;
    this.#state = { name: 'ended' };
    if (before.name !== 'publishing') return;
    before.sink.close(detail ?? code);
    this.#options.events.publishEnded(
      this.#options.peer,
      before.stream,
      detail === undefined ? { code } : { code, detail },
    );
  }

  /** What has been written is sent, what still comes in is thrown away, and a peer that does not hang up is cut off. */
  #lastWords(): void {
    this.#due(LINGER_MS);
    this.#options.socket.end();
    this.#options.socket.resume();
  }

  #onClose(): void {
    this.#end('disconnected');
    this.#options.events.connectionClosed(this.#options.peer, this.#receivedBytes);
    this.#closed.resolve();
  }

  #sayStatus(level: 'status' | 'error', code: string, description: string): void {
    this.#protocol.sendStatusMessage(this.#protocol.streamId, level, code, description);
  }

  #send(bytes: Buffer): void {
    const { socket } = this.#options;
    if (!socket.writable) return;
    // Answers are a few bytes each: rather than wait for a peer that does not read them, we hang up.
    if (socket.write(bytes) || socket.writableLength <= MAX_OUTBOUND_BYTES) return;
    this.#violation('outbound_bytes', `more than ${MAX_OUTBOUND_BYTES} bytes that the peer does not read`);
  }

  #due(inMs: number): void {
    this.#dueMs = this.#options.clock.monotonicMs() + inMs;
  }
}
