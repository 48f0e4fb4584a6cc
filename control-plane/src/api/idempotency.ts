/**
 * Requests that may be sent again: with an `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header) a request that made
 * something is answered a second time as it was the first, at any replica. What was refused made nothing and is tried anew.
 * Answers hold keys and tokens: they are kept encrypted under the client's own key, of which only a hash is kept.
 */

import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { problemResponse } from '@headwater/service/problem-response';
import type { Clock } from '@headwater/service/clock';
import { type Store, StoreUnavailable } from '../state/store.ts';

/** How long an answer can be had again. */
const KEPT_MS = 86_400_000;
/** A request that was not answered in this time never will be: its replica died. */
const ATTEMPT_MS = 30_000;
const REMOVED_AT_ONCE = 500;
const COLLECTION = 'idempotency';
const CIPHER = 'aes-256-gcm';

/** What is kept of a request. */
interface Attempt {
  /** tells one attempt from another */
  readonly id: string;
  /** SHA-256 of what was asked */
  readonly asked: string;
  readonly atMs: number;
  /** null while it is being answered */
  readonly answer: KeptAnswer | null;
}

/** An attempt of this request, or of the one that came before. */
interface Begun {
  readonly isNew: boolean;
  readonly attempt: Attempt;
}

interface KeptAnswer {
  readonly status: number;
  readonly location: string | null;
  readonly contentType: string | null;
  readonly salt: string;
  readonly sealed: string;
}

/** A request with a key. */
interface KeyedRequest {
  readonly key: string;
  /** whose key it is: others' are others */
  readonly principal: string;
  /** keys in all; beyond, there is no room for a new one of this principal, though there be some for others */
  readonly most: number;
  /** method, path and body */
  readonly asked: string;
}

interface IdempotencyOptions {
  readonly store: Store;
  readonly clock: Clock;
}

/** The key of a header: a string as the draft has it (RFC 8941 §3.3.3), or bare. Null for what is none. */
export function readIdempotencyKey(header: string): string | null {
  const [, quoted, bare] = /^(?:"([ !#-[\]-~]{1,255})"|([!#-~]{1,255}))$/.exec(header.trim()) ?? [];
  return quoted ?? bare ?? null;
}

export class Idempotency {
  readonly #options: IdempotencyOptions;
  /** wall clock; before it there is nothing to make room with */
  #fullUntilMs = 0;

  constructor(options: IdempotencyOptions) {
    this.#options = options;
  }

  /** Answers by `attempt`, or as it was answered before. */
  async once(request: KeyedRequest, attempt: () => Promise<Response>): Promise<Response> {
    const id = digest(request.principal, request.key);
    const asked = digest(request.asked);
    const begun = await this.#begin(id, asked, request.most);
    if (begun === 'full') {
      const detail = `the limit is ${request.most} idempotency keys in 24 hours`;
      return problemResponse('too_many_requests', { detail });
    }
    if (!begun.isNew) return answerAgain(begun.attempt, asked, request.key);
    const attempted = begun.attempt.id;
    const answer = await attempt().catch(async (error: unknown) => {
      await this.#settle(id, attempted, null);
      throw error;
    });
    await this.#settle(id, attempted, answer.ok ? await keep(answer.clone(), request.key) : null);
    return answer;
  }

  async #begin(id: string, asked: string, most: number): Promise<Begun | 'full'> {
    const { store, clock } = this.#options;
    const nowMs = clock.nowMs();
    const body: Attempt = { id: randomBytes(9).toString('base64url'), asked, atMs: nowMs, answer: null };
    const there = await store.get(COLLECTION, id);
    const known = (there?.body ?? null) as Attempt | null;
    if (known !== null && nowMs - known.atMs < (known.answer === null ? ATTEMPT_MS : KEPT_MS)) {
      return { isNew: false, attempt: known };
    }
    const changes = [{ collection: COLLECTION, id, expect: there?.revision ?? 0, body } as const];
    const room = known === null ? { room: { collection: COLLECTION, most } as const } : {};
    const outcome = await store.commit({ changes, ...room });
    if (outcome === 'done') return { isNew: true, attempt: body };
    if (outcome === 'conflict') return this.#begin(id, asked, most);
    return (await this.#makeRoom(nowMs)) ? this.#begin(id, asked, most) : 'full';
  }

  /** While the store is away the attempt stays as one that was not answered; one that came too late changes nothing. */
  async #settle(id: string, attempted: string, answer: KeptAnswer | null): Promise<void> {
    const { store } = this.#options;
    try {
      const there = await store.get(COLLECTION, id);
      const attempt = there?.body as Attempt | undefined;
      if (there === null || attempt?.id !== attempted) return;
      const body = answer === null ? undefined : { ...attempt, answer };
      await store.commit({ changes: [{ collection: COLLECTION, id, expect: there.revision, body }] });
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
    }
  }

  async #makeRoom(nowMs: number): Promise<boolean> {
    if (nowMs < this.#fullUntilMs) return false;
    const { removed, nextMs } = await dropOldAnswers(this.#options.store, nowMs);
    this.#fullUntilMs = nextMs;
    return removed > 0;
  }
}

/** Forgets what is no longer to be had; tells how many went, and when the next can. */
export async function dropOldAnswers(
  store: Store,
  nowMs: number,
): Promise<{ readonly removed: number; readonly nextMs: number }> {
  let [removed, nextMs, after] = [0, nowMs + KEPT_MS, ''];
  for (;;) {
    const page = await store.list(COLLECTION, { after, limit: REMOVED_AT_ONCE });
    const isOld = ({ body }: { readonly body: unknown }): boolean => nowMs - (body as Attempt).atMs >= KEPT_MS;
    const old = page.filter(isOld);
    for (const { body } of page) if (!isOld({ body })) nextMs = Math.min(nextMs, (body as Attempt).atMs + KEPT_MS);
    const changes = old.map(
      ({ id, revision }) => ({ collection: COLLECTION, id, expect: revision, body: undefined }) as const,
    );
    if (changes.length > 0 && (await store.commit({ changes })) === 'done') removed += changes.length;
    if (page.length < REMOVED_AT_ONCE) return { removed, nextMs };
    after = page.at(-1)?.id ?? '';
  }
}

function answerAgain({ asked: before, answer }: Attempt, asked: string, key: string): Response {
  if (before !== asked) return problemResponse('idempotency_key_reused');
  if (answer === null) return problemResponse('idempotency_in_progress', { headers: { 'retry-after': '1' } });
  const { status, location, contentType } = answer;
  const headers = new Headers({ 'idempotent-replayed': 'true' });
  if (location !== null) headers.set('location', location);
  if (contentType !== null) headers.set('content-type', contentType);
  const text = open(answer, key);
  return new Response(text === '' ? null : text, { status, headers });
}

async function keep(answer: Response, key: string): Promise<KeptAnswer> {
  const salt = randomBytes(16);
  const text = await answer.text();
  const cipher = createCipheriv(CIPHER, cipherKey(key, salt), Buffer.alloc(12));
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return {
    status: answer.status,
    location: answer.headers.get('location'),
    contentType: answer.headers.get('content-type'),
    salt: salt.toString('base64'),
    sealed: sealed.toString('base64'),
  };
}

function open({ salt, sealed }: KeptAnswer, key: string): string {
  const bytes = Buffer.from(sealed, 'base64');
  const decipher = createDecipheriv(CIPHER, cipherKey(key, Buffer.from(salt, 'base64')), Buffer.alloc(12));
  decipher.setAuthTag(bytes.subarray(-16));
  return Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()]).toString('utf8');
}

/** For one answer alone, by its salt; so a fixed nonce is used once. */
function cipherKey(key: string, salt: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', key, salt, 'headwater idempotency', 32));
}

function digest(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\n')).digest('base64url');
}
