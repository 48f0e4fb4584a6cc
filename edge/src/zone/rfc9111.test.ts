/**
 * RFC 9111 as a viewer and an origin see it: an origin answers, time goes by, and the same is asked again. Each row says what
 * comes of it. One edge serves all rows, each under its own path; its clock moves when a row says so.
 */

import assert from 'node:assert/strict';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { after, before, suite, test } from 'node:test';
import { formatHttpDate } from '../http-cache/http-date.ts';
import { ask, type Answer } from '../edge-rig.ts';
import { type ZoneRig, startZoneRig } from './zone-rig.ts';

/** What becomes of the second request. */
type Fate =
  /** answered out of the store, nobody is asked */
  | 'hit'
  /** the origin is asked for the whole, and its new answer is given */
  | 'fetched'
  /** the origin is asked whether the stored response is current, and it is given */
  | 'validated'
  /** the stored response is given though the origin failed */
  | 'stale'
  /** the origin fails, and the viewer hears of it */
  | 'failed';

type Fields = Readonly<Record<string, string | readonly string[]>>;

interface Row {
  /** fields of the origin's first answer; `@N` is the date N seconds from then */
  readonly given: Fields;
  readonly status?: number;
  /** fields of the first request */
  readonly asked?: Fields;
  /** how long after the first the second request comes */
  readonly afterS?: number;
  /** fields of the second request */
  readonly again?: Fields;
  /** what the origin does at the second request, besides confirming what is asked about */
  readonly origin?: 'answers' | 'hangs up' | 503;
  readonly is: Fate;
  /** what the second answer must have */
  readonly has?: Fields;
  readonly lacks?: readonly string[];
}

let rig: ZoneRig;
let rows = 0;

before(async () => {
  rig = await startZoneRig(() => undefined);
});
after(() => rig[Symbol.asyncDispose]());

/** `@N` as a date. */
function dated(fields: Fields, nowMs: number): Record<string, string | string[]> {
  const date = (value: string): string =>
    value.replace(/^@(-?\d+)$/, (_, seconds: string) => formatHttpDate(nowMs + Number(seconds) * 1000));
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === 'string' ? date(value) : value.map((line) => date(line)),
    ]),
  );
}

function isConfirmed(asked: IncomingHttpHeaders, given: Readonly<Record<string, string | string[]>>): boolean {
  const { etag, 'last-modified': modified } = given;
  return (
    (etag !== undefined && asked['if-none-match'] === etag) ||
    (modified !== undefined && asked['if-none-match'] === undefined && asked['if-modified-since'] === modified)
  );
}

async function check(row: Row): Promise<void> {
  const path = `/row-${(rows += 1)}`;
  const told = JSON.stringify(row);
  const { status = 200, afterS = 0, origin = 'answers' } = row;
  const given = dated({ 'x-turn': 'first', ...row.given }, rig.clock.nowAtMs);
  const body = status === 204 ? '' : 'first';
  rig.answering = (_: IncomingMessage, response: ServerResponse) => void response.writeHead(status, given).end(body);
  const first = await ask(rig.edge, path, { headers: dated(row.asked ?? {}, 0) });
  assert.deepEqual([first.status, first.text], [status, body], told);

  rig.clock.nowAtMs += afterS * 1000;
  const askedBefore = rig.asked.length;
  rig.answering = ({ headers, socket }, response) => {
    if (origin === 'hangs up') return void socket.destroy();
    if (origin === 503) return void response.writeHead(503).end('sorry');
    if (isConfirmed(headers, given)) return void response.writeHead(304, given).end();
    response.writeHead(200, { 'cache-control': 'no-store', 'x-turn': 'second' }).end('second');
  };
  const second = await ask(rig.edge, path, { headers: dated(row.again ?? {}, rig.clock.nowAtMs - afterS * 1000) });
  const asked = rig.asked.length - askedBefore;
  assert.equal(fateOf(second, { asked, isFirst: second.text === body, status }), row.is, told);
  for (const [name, value] of Object.entries(row.has ?? {})) {
    const expected = dated({ [name]: value }, rig.clock.nowAtMs - afterS * 1000)[name];
    assert.deepEqual(second.headers[name], expected, `${name}: ${told}`);
  }
  for (const name of row.lacks ?? []) assert.equal(second.headers[name], undefined, `${name}: ${told}`);
}

interface Seen {
  /** how often the origin was asked */
  readonly asked: number;
  readonly isFirst: boolean;
  readonly status: number;
}

/** A fate, or what Cache-Status says where it is none. */
function fateOf(answer: Answer, { asked, isFirst, status }: Seen): string {
  const cacheStatus = String(answer.headers['cache-status']);
  const isStored = isFirst && answer.status === status && answer.headers['x-turn'] === 'first';
  if (isStored && asked === 0) return /; hit/.test(cacheStatus) ? 'hit' : cacheStatus;
  if (isStored)
    return /fwd-status=304/.test(cacheStatus)
      ? 'validated'
      : /stale-if-error/.test(cacheStatus)
        ? 'stale'
        : cacheStatus;
  if (answer.status >= 500 && answer.headers['x-turn'] === undefined) return 'failed';
  return answer.text === 'second' && asked > 0 && /fwd=/.test(cacheStatus) ? 'fetched' : cacheStatus;
}

function table(name: string, list: readonly Row[]): void {
  test(name, async () => {
    for (const row of list) await check(row);
  });
}

function control(value: string, more: Fields = {}): Fields {
  return { 'cache-control': value, ...more };
}

const HOUR = control('max-age=3600');
const TAG = { etag: '"a"' };

suite('RFC 9111 over the wire', () => {
  table('storing', [
    { given: {}, is: 'fetched' },
    { given: HOUR, afterS: 3, is: 'hit' },
    { given: control('s-maxage=3600'), afterS: 3, is: 'hit' },
    { given: control('private, max-age=3600'), is: 'fetched' },
    { given: control('no-store'), is: 'fetched' },
    { given: control('max-age=3600, No-StOrE', { expires: '@3600' }), is: 'fetched' },
    { given: control('max-age=3600, must-understand, no-store'), is: 'hit' },
    { given: control('max-age=3600, must-understand, no-store'), status: 599, is: 'fetched' },
    { given: HOUR, asked: { 'cache-control': 'no-store' }, is: 'fetched' },
    { given: HOUR, asked: { authorization: 'x' }, is: 'fetched' },
    { given: { expires: '@3600' }, asked: { authorization: 'x' }, is: 'fetched' },
    { given: control('max-age=3600, public'), asked: { authorization: 'x' }, is: 'hit' },
    { given: control('max-age=3600, must-revalidate'), asked: { authorization: 'x' }, is: 'hit' },
    { given: control('s-maxage=3600'), asked: { authorization: 'x' }, is: 'hit' },
    { given: { ...HOUR, 'set-cookie': 'a=b' }, is: 'hit', has: { 'set-cookie': ['a=b'] } },
    { given: { 'last-modified': '@-86400', 'set-cookie': 'a=b' }, is: 'fetched' },
    { given: HOUR, again: { cookie: 'a=b' }, is: 'hit' },
  ]);

  table('statuses', [
    ...[200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 499, 500, 502, 503, 504, 599].flatMap(
      (status): Row[] => [
        { status, given: { expires: '@3600' }, afterS: 3, is: 'hit' },
        { status, given: { expires: '@-5000', 'last-modified': '@-100000', date: '@0' }, is: 'validated' },
      ],
    ),
    ...[200, 203, 204, 301, 308, 404, 405, 410, 414, 501].map((status): Row => ({
      status,
      given: { 'last-modified': '@-86400', date: '@0' },
      is: 'hit',
    })),
    ...[201, 202, 302, 403, 502, 503, 504, 599].map((status): Row => ({
      status,
      given: { 'last-modified': '@-86400', date: '@0' },
      is: 'fetched',
    })),
    { status: 599, given: control('public', { 'last-modified': '@-86400' }), is: 'hit' },
  ]);

  table('lifetimes', [
    { given: control('max-age=2'), afterS: 3, is: 'fetched' },
    { given: control('max-age=0'), is: 'fetched' },
    { given: control('max-age=0', { expires: '@3600' }), is: 'fetched' },
    { given: control('max-age=-3600'), is: 'fetched' },
    { given: control("max-age='3600'"), is: 'fetched' },
    { given: control('max-age="3600"'), is: 'hit' },
    { given: control('max-age=003600'), afterS: 3, is: 'hit' },
    { given: control('MaX-aGe=3600'), afterS: 3, is: 'hit' },
    { given: control('foobar, max-age=3600'), afterS: 3, is: 'hit' },
    { given: control('extension="max-age=3600", max-age=1'), afterS: 3, is: 'fetched' },
    { given: control('max-age=1, extension="max-age=3600"'), afterS: 3, is: 'fetched' },
    ...['2147483647', '2147483648', '2147483649', '99999999999'].map((seconds): Row => ({
      given: control(`max-age=${seconds}`),
      afterS: 3,
      is: 'hit',
    })),
    { given: { 'cache-control': ['max-age=3600', 's-maxage=1'] }, afterS: 3, is: 'fetched' },
    { given: control('s-maxage=1, max-age=3600'), afterS: 3, is: 'fetched' },
    { given: control('max-age=0, s-maxage=3600', { expires: '@-10' }), afterS: 3, is: 'hit' },
    { given: control('max-age=3600', { expires: '@-7200', date: '@0' }), afterS: 3, is: 'hit' },
    { given: control('max-age=3600', { expires: '0', date: '@0' }), afterS: 3, is: 'hit' },
    { given: { expires: '@3600', date: '@0' }, afterS: 3, is: 'hit' },
    { given: { expires: '@-3600', date: '@0' }, is: 'fetched' },
    { given: { expires: '@0', date: '@0' }, is: 'fetched' },
    { given: { expires: '@300', date: '@400' }, is: 'fetched' },
    { given: { expires: '@10', date: 'foo' }, is: 'hit' },
    ...['Thursday, 18-Aug-50 02:01:18 GMT', 'Thu Aug  8 02:01:18 2050', 'THU, 18 AUG 2050 02:01:18 gmt'].map(
      (expires): Row => ({ given: { expires }, afterS: 3, is: 'hit' }),
    ),
    ...[
      '0',
      'Thu, 18 Aug 2050 02:01:18 UTC',
      'Thu, 18 Aug 2050 02:01:18 AEST',
      'Thu, 18 Aug 50 02:01:18 GMT',
      'Thu 18 Aug 2050 02:01:18 GMT',
      'Thu, 18  Aug  2050 02:01:18 GMT',
      'Thu, 18-Aug-2050 02:01:18 GMT',
      'Thu, 18 Aug 2050 02.01.18 GMT',
      'Thu, 18 Aug 2050 2:01:18 GMT',
    ].map((expires): Row => ({ given: { expires }, is: 'fetched' })),
    { given: { expires: ['@3600', '@3601'] }, is: 'fetched' },
  ]);

  table('ages', [
    { given: { ...HOUR, age: '7200' }, is: 'fetched' },
    { given: { ...HOUR, date: '@-7200' }, is: 'fetched' },
    ...['2147483647', '2147483648', '2147483649', '7200, 0'].map((age): Row => ({
      given: { ...HOUR, age },
      is: 'fetched',
    })),
    ...['abc', '-7200', '7200.0', '0, 7200', '0, 0'].map((age): Row => ({ given: { ...HOUR, age }, is: 'hit' })),
    { given: { ...HOUR, age: ['7200', '0'] }, is: 'fetched' },
    { given: { ...HOUR, age: ['0', '7200'] }, is: 'hit' },
    { given: { expires: '@10', date: '@-10', age: '25' }, is: 'fetched' },
    { given: { expires: '@20', date: '@10', age: '15' }, is: 'fetched' },
    { given: HOUR, afterS: 3, is: 'hit', has: { age: '3' } },
    { given: { ...HOUR, age: '30' }, afterS: 3, is: 'hit', has: { age: '33' } },
    { given: { expires: '@3600', date: '@0', age: '30' }, afterS: 3, is: 'hit', has: { age: '33', date: '@0' } },
  ]);

  table('stale responses', [
    { given: control('max-age=2'), afterS: 3, origin: 'hangs up', is: 'stale' },
    { given: control('max-age=2'), afterS: 3, origin: 503, is: 'stale' },
    { given: control('max-age=2'), afterS: 300, origin: 'hangs up', is: 'failed' },
    { given: control('max-age=2, stale-if-error=600'), afterS: 300, origin: 'hangs up', is: 'stale' },
    { given: control('max-age=0, stale-if-error=1'), afterS: 3, origin: 503, is: 'failed' },
    { given: control('max-age=0'), afterS: 3, again: control('stale-if-error=1'), origin: 503, is: 'failed' },
    { given: control('max-age=0'), afterS: 3, again: control('stale-if-error=60'), origin: 503, is: 'stale' },
    ...['must-revalidate', 'proxy-revalidate', 'no-cache', 's-maxage=2'].map((forbidding): Row => ({
      given: control(`max-age=2, ${forbidding}`),
      afterS: 3,
      origin: 'hangs up',
      is: 'failed',
    })),
    { given: control('max-age=1, stale-while-revalidate=4', TAG), afterS: 6, is: 'validated' },
  ]);

  table('validation', [
    { given: control('max-age=2', TAG), afterS: 3, is: 'validated', has: TAG },
    { given: control('max-age=2', { etag: 'W/"a"' }), afterS: 3, is: 'validated' },
    { given: control('max-age=2', { 'last-modified': '@-3000' }), afterS: 3, is: 'validated' },
    { given: control('no-cache', TAG), is: 'validated' },
    { given: control('max-age=3600, No-CaChE', { ...TAG, expires: '@3600' }), is: 'validated' },
    { given: control('max-age=2, must-revalidate', TAG), afterS: 1, is: 'hit' },
    { given: control('max-age=2, must-revalidate', TAG), afterS: 3, is: 'validated' },
    {
      given: control('no-cache="x-one", max-age=3600', { 'x-one': '1', 'x-two': '2' }),
      is: 'hit',
      has: { 'x-two': '2' },
      lacks: ['x-one'],
    },
  ]);

  table('Vary', [
    { given: { ...HOUR, vary: 'Foo' }, asked: { foo: '1' }, again: { foo: '1', other: '2' }, is: 'hit' },
    { given: { ...HOUR, vary: 'Foo' }, asked: { foo: '1' }, again: { foo: '2' }, is: 'fetched' },
    { given: { ...HOUR, vary: 'Foo' }, asked: {}, again: { foo: '1' }, is: 'fetched' },
    { given: { ...HOUR, vary: 'Foo' }, asked: { foo: '1' }, again: {}, is: 'fetched' },
    { given: { ...HOUR, vary: 'Foo, Bar' }, asked: { foo: '1', bar: '2' }, again: { foo: '1', bar: '2' }, is: 'hit' },
    { given: { ...HOUR, vary: ['Foo', 'Bar'] }, asked: { foo: '1', bar: '2' }, again: { foo: '1' }, is: 'fetched' },
    { given: { ...HOUR, vary: 'Foo, Bar' }, asked: { foo: '1' }, again: { foo: '1' }, is: 'hit' },
    { given: { ...HOUR, vary: 'Foo' }, asked: { foo: '1, 2' }, again: { foo: ['1', '2'] }, is: 'hit' },
    { given: { ...HOUR, vary: 'Foo' }, asked: { foo: '1,2' }, again: { foo: ' 1, 2 ' }, is: 'hit' },
    ...['*', '*, *', ', *', '*, Foo', 'Foo, *'].map((vary): Row => ({ given: { ...HOUR, vary }, is: 'fetched' })),
    { given: { ...HOUR, vary: ['', '*'] }, is: 'fetched' },
  ]);

  table('directives of requests', [
    { given: HOUR, afterS: 3, again: control('max-age=0'), is: 'fetched' },
    { given: HOUR, afterS: 3, again: control('max-age=3'), is: 'hit' },
    { given: control('max-age=3600, immutable'), afterS: 3, again: control('max-age=0'), is: 'hit' },
    { given: control('max-age=1'), afterS: 3, again: control('max-stale=1000'), is: 'hit' },
    { given: control('max-age=1, must-revalidate'), afterS: 3, again: control('max-stale=1000'), is: 'fetched' },
    { given: control('max-age=1500', { age: '2000' }), again: control('max-stale=1000'), is: 'hit' },
    { given: control('max-age=1500'), again: control('min-fresh=2000'), is: 'fetched' },
    { given: HOUR, again: control('no-cache'), is: 'fetched' },
    { given: { ...HOUR, ...TAG }, again: control('no-cache'), is: 'validated' },
    { given: { ...HOUR, ...TAG }, again: { pragma: 'no-cache' }, is: 'validated' },
    { given: HOUR, again: { pragma: 'foo' }, is: 'hit' },
    { given: HOUR, again: control('only-if-cached'), is: 'hit' },
    { given: control('max-age=1'), afterS: 3, again: control('only-if-cached'), is: 'failed' },
  ]);

  table('targeted fields', [
    { given: { 'cdn-cache-control': 'max-age=3600' }, afterS: 3, is: 'hit' },
    { given: { 'cdn-cache-control': 'max-age=3600', age: '7200' }, is: 'fetched' },
    { given: { 'cdn-cache-control': 'max-age=3600', ...control('no-store') }, is: 'hit' },
    { given: { 'cdn-cache-control': 'max-age=3600', ...control('max-age=1'), expires: '0' }, afterS: 3, is: 'hit' },
    { given: { 'cdn-cache-control': 'max-age=1', ...HOUR }, afterS: 3, is: 'fetched' },
    { given: { 'cdn-cache-control': 'max-age=0', expires: '@3600' }, is: 'fetched' },
    { given: { 'cdn-cache-control': 'private', ...HOUR }, is: 'fetched' },
    { given: { 'cdn-cache-control': 'no-store', ...HOUR }, is: 'fetched' },
    { given: { 'cdn-cache-control': 'no-cache', ...HOUR, ...TAG }, is: 'validated' },
    { given: { 'cdn-cache-control': 'max-age=3600, &&&&&', ...control('no-store') }, is: 'fetched' },
    { given: { 'cdn-cache-control': 'max-age="3600"', ...control('no-store') }, is: 'fetched' },
    { given: { 'headwater-cdn-cache-control': 'max-age=3600', 'cdn-cache-control': 'no-store' }, is: 'hit' },
    { given: { 'cdn-cache-control': 'foo', ...HOUR }, is: 'fetched' },
  ]);
});

/** The origin gives this from now on, whatever is asked. */
function giving(status: number, fields: Fields, body = 'body'): void {
  const given = dated(fields, rig.clock.nowAtMs);
  rig.answering = ({ method }, response) => {
    response.writeHead(status, given).end(method === 'HEAD' || status === 304 ? undefined : body);
  };
}

const BODY = '0123456789';
const MODIFIED = { 'last-modified': '@-3000' };

/** A path under which a response is stored. */
async function stored(fields: Fields, body = BODY): Promise<string> {
  const path = `/stored-${(rows += 1)}`;
  giving(200, { 'content-type': 'text/plain', ...fields }, body);
  await ask(rig.edge, path);
  giving(500, { 'x-asked': 'again' });
  return path;
}

/** The answer to a request that the store answers. */
async function again(path: string, headers: Fields, method = 'GET'): Promise<Answer> {
  const answer = await ask(rig.edge, path, { method, headers: dated(headers, rig.clock.nowAtMs) });
  assert.equal(answer.headers['x-asked'], undefined);
  assert.match(String(answer.headers['cache-status']), /; hit/);
  return answer;
}

suite('RFC 9110 over the wire', () => {
  test('a viewer who has it is told so, out of the store', async () => {
    const path = await stored({ ...HOUR, ...TAG, ...MODIFIED, vary: 'x', expires: '@9' });
    const rowsOfConditions: [Fields, number][] = [
      [{ 'if-none-match': '"a"' }, 304],
      [{ 'if-none-match': 'W/"a"' }, 304],
      [{ 'if-none-match': '"b", "a"' }, 304],
      [{ 'if-none-match': '*' }, 304],
      [{ 'if-none-match': '"b"' }, 200],
      [{ 'if-modified-since': '@-3000' }, 304],
      [{ 'if-modified-since': '@-2000' }, 304],
      [{ 'if-modified-since': '@-4000' }, 200],
      [{ 'if-modified-since': 'yesterday' }, 200],
      [{ 'if-none-match': '"a"', 'if-modified-since': '@-9000' }, 304],
      [{ 'if-none-match': '"b"', 'if-modified-since': '@-1' }, 200],
      [{ 'if-match': '"b"', 'if-unmodified-since': '@-9000' }, 200],
    ];
    for (const [conditions, status] of rowsOfConditions) {
      const answer = await again(path, conditions);
      assert.equal(answer.status, status, JSON.stringify(conditions));
      if (status !== 304) continue;
      assert.deepEqual([answer.headers.etag, answer.headers.vary, answer.text], ['"a"', 'x', '']);
      for (const name of ['cache-control', 'date', 'expires', 'age']) assert.ok(answer.headers[name], name);
      // A cache behind this one takes it from here, and it may have changed by a 304 (RFC 9111 §3.2).
      assert.equal(answer.headers['content-type'], 'text/plain');
      assert.equal(answer.headers['content-length'], undefined);
    }
  });

  test('one range, a suffix, an open one', async () => {
    const path = await stored({ ...HOUR, ...TAG, a: '1' });
    const table: [range: string, text: string, contentRange: string][] = [
      ['bytes=0-1', '01', 'bytes 0-1/10'],
      ['bytes=4-', '456789', 'bytes 4-9/10'],
      ['bytes=-3', '789', 'bytes 7-9/10'],
      ['bytes=8-100', '89', 'bytes 8-9/10'],
      ['bytes=0-1,1-3', '0123', 'bytes 0-3/10'],
    ];
    for (const [range, text, contentRange] of table) {
      const answer = await again(path, { range });
      assert.deepEqual(
        [answer.status, answer.text, answer.headers['content-range'], answer.headers['content-length']],
        [206, text, contentRange, String(text.length)],
      );
      assert.deepEqual([answer.headers.a, answer.headers.etag], ['1', '"a"']);
    }
  });

  test('several ranges come as parts, each told from the others', async () => {
    const body = Array.from({ length: 100 }, (_, i) => String(i).padStart(4, '0')).join('');
    const path = await stored({ ...HOUR, ...TAG }, body);
    const { status, headers, text } = await again(path, { range: 'bytes=300-303,0-7' });
    assert.equal(status, 206);
    const boundary = /^multipart\/byteranges; boundary=(\S+)$/.exec(headers['content-type'] ?? '')?.[1] ?? '';
    const parts = text.split(`--${boundary}`).slice(1, -1);
    assert.deepEqual(parts, [
      '\r\nContent-Type: text/plain\r\nContent-Range: bytes 300-303/400\r\n\r\n0075\r\n',
      '\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-7/400\r\n\r\n00000001\r\n',
    ]);
    assert.ok(text.endsWith(`--${boundary}--\r\n`));
    assert.equal(headers['content-length'], String(text.length));
    assert.equal(headers['content-range'], undefined);
    // Who could foresee it could put it into an object, and parts of their own with it.
    const other = await again(path, { range: 'bytes=300-303,0-7' });
    assert.notEqual(other.headers['content-type'], headers['content-type']);
  });

  test('a range that there is not is 416, one that does not parse is the whole', async () => {
    const path = await stored({ ...HOUR, ...TAG });
    for (const range of ['bytes=10-', 'bytes=-0', `bytes=${'0-0,'.repeat(16)}1-1`]) {
      const { status, headers } = await again(path, { range });
      assert.deepEqual([status, headers['content-range']], [416, 'bytes */10'], range);
    }
    for (const range of ['bytes=5-1', 'bytes=x', 'items=0-1', 'bytes=0-1,x']) {
      const { status, text } = await again(path, { range });
      assert.deepEqual([status, text], [200, BODY], range);
    }
    assert.equal((await again(path, { range: 'bytes=0-1' }, 'HEAD')).headers['content-length'], '10');
  });

  test('If-Range: the part of the same, the whole of another', async () => {
    const path = await stored({ ...HOUR, ...TAG, ...MODIFIED });
    const table: [Fields, number][] = [
      [{ 'if-range': '"a"' }, 206],
      [{ 'if-range': '@-3000' }, 206],
      [{ 'if-range': '"b"' }, 200],
      [{ 'if-range': 'W/"a"' }, 200],
      [{ 'if-range': '@-2000' }, 200],
    ];
    for (const [condition, status] of table) {
      const answer = await again(path, { range: 'bytes=0-1', ...condition });
      assert.equal(answer.status, status, JSON.stringify(condition));
    }
    // RFC 9110 §13.2.2: whether the viewer has it comes before which part of it they want.
    assert.equal((await again(path, { range: 'bytes=0-1', 'if-none-match': '"a"' })).status, 304);
  });

  test('what succeeded in changing a resource makes it and what it names invalid', async () => {
    const other = await stored(HOUR);
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'M-SEARCH']) {
      for (const status of [200, 303, 404, 500]) {
        const path = await stored(HOUR);
        const location = await stored(HOUR);
        const contentLocation = await stored(HOUR);
        const fields = { location, 'content-location': `.${contentLocation}` };
        giving(status, fields, 'done');
        assert.equal((await ask(rig.edge, path, { method })).status, status);
        giving(200, HOUR, 'new');
        for (const named of [path, location, contentLocation]) {
          assert.equal((await ask(rig.edge, named)).text, status < 400 ? 'new' : BODY, `${method} ${status}`);
        }
      }
    }
    assert.equal((await again(other, {})).text, BODY);
    giving(201, { location: `http://elsewhere.example${other}` });
    await ask(rig.edge, `/stored-${(rows += 1)}`, { method: 'POST' });
    assert.equal((await again(other, {})).text, BODY);
  });

  test('a 304 brings the fields up to date for all that follows, but for the length', async () => {
    const path = await stored({ ...control('max-age=2'), ...TAG, a: '1', b: '1' });
    rig.clock.nowAtMs += 3000;
    giving(304, { ...HOUR, ...TAG, a: '2', c: '3', 'content-length': '99' });
    await ask(rig.edge, path);
    const { headers, text } = await again(path, {});
    assert.deepEqual([headers.a, headers.b, headers.c], ['2', '1', '3']);
    assert.deepEqual([headers['content-length'], text, headers['cache-control']], ['10', BODY, 'max-age=3600']);
  });

  test('a 304 of something else than was asked about is not believed', async () => {
    const path = await stored({ ...control('max-age=2'), ...TAG });
    rig.clock.nowAtMs += 3000;
    rig.answering = ({ headers }, response) => {
      if (headers['if-none-match'] !== undefined) response.writeHead(304, { etag: '"b"' }).end();
      else response.writeHead(200, { etag: '"b"' }).end('other');
    };
    assert.equal((await ask(rig.edge, path)).text, 'other');
  });

  test('what a 304 or a HEAD makes one viewer’s alone is kept for nobody', async () => {
    for (const news of [control('private, max-age=60'), control('no-store'), { ...HOUR, vary: '*' }]) {
      for (const method of ['GET', 'HEAD']) {
        const path = await stored({ ...control('max-age=2'), ...TAG });
        rig.clock.nowAtMs += 3000;
        rig.answering = ({ headers }, response) => {
          const isConfirmed = method === 'GET' && headers['if-none-match'] === '"a"';
          response.writeHead(isConfirmed ? 304 : 200, { ...TAG, ...news });
          response.end(method === 'GET' && !isConfirmed ? 'mine' : undefined);
        };
        await ask(rig.edge, path, { method });
        giving(200, HOUR, 'yours');
        assert.equal((await ask(rig.edge, path)).text, 'yours', `${method} ${JSON.stringify(news)}`);
      }
    }
  });

  test('a cookie that comes with a 304 is stored only where one with a 200 would be', async () => {
    const cookie = { 'set-cookie': 'a=b' };
    for (const [news, expected] of [
      [cookie, undefined],
      [{ ...cookie, ...HOUR }, ['a=b']],
    ] as const) {
      const path = await stored({ ...control('max-age=2'), ...TAG });
      rig.clock.nowAtMs += 3000;
      giving(304, { ...TAG, ...news });
      assert.deepEqual((await ask(rig.edge, path)).headers['set-cookie'], ['a=b']);
      const { headers } = await ask(rig.edge, path);
      assert.deepEqual(headers['set-cookie'], expected, JSON.stringify(news));
    }
  });

  test('what HEAD brings one who is authorised tells nothing of what others may have', async () => {
    const path = await stored({ ...control('max-age=2'), ...TAG });
    rig.clock.nowAtMs += 3000;
    for (const tag of ['"a"', '"b"']) {
      giving(200, { ...HOUR, etag: tag, 'x-user': 'me', 'content-length': '10' });
      await ask(rig.edge, path, { method: 'HEAD', headers: { authorization: 'x' } });
    }
    giving(304, { ...HOUR, ...TAG });
    const { headers, text } = await ask(rig.edge, path);
    assert.deepEqual([headers['x-user'], text], [undefined, BODY]);
    assert.match(String(headers['cache-status']), /fwd-status=304/);
  });

  test('fields of a connection go neither to the origin nor to a viewer', async () => {
    const path = `/stored-${(rows += 1)}`;
    giving(200, { ...HOUR, connection: 'x-hop, close', 'x-hop': '1', 'keep-alive': 'timeout=9', 'x-end': '2' });
    const sent = { connection: 'x-own', 'x-own': '1', te: 'trailers', 'proxy-authorization': 'x', 'x-end': '2' };
    await ask(rig.edge, path, { headers: sent });
    const asked = rig.asked.at(-1)?.headers ?? {};
    for (const name of ['x-own', 'te', 'proxy-authorization']) assert.equal(asked[name], undefined, name);
    assert.equal(asked['x-end'], '2');
    assert.equal(asked.via, '1.1 edge-1');
    const { headers } = await again(path, {});
    assert.deepEqual([headers['x-hop'], headers['x-end']], [undefined, '2']);
    assert.notEqual(headers['keep-alive'], 'timeout=9');
  });

  test('OPTIONS goes as far as it says, and no farther', async () => {
    giving(204, { allow: 'GET' });
    await ask(rig.edge, '/options', { method: 'OPTIONS', headers: { 'max-forwards': '3' } });
    assert.equal(rig.asked.at(-1)?.headers['max-forwards'], '2');
    const before = rig.asked.length;
    const { status, headers } = await ask(rig.edge, '/options', {
      method: 'OPTIONS',
      headers: { 'max-forwards': '0' },
    });
    assert.deepEqual([status, rig.asked.length], [204, before]);
    assert.match(headers.allow ?? '', /GET, HEAD/);
  });
});
