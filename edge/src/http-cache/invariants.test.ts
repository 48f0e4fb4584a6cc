/** What holds for whatever a network sends: seeded random fields, requests and times. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seeded } from '@headwater/protocol/test-random';
import { parseCacheControl, reachOf, secondsOf } from './cache-control.ts';
import { MAX_DELTA_S } from './delta-seconds.ts';
import { listsTag } from './entity-tag.ts';
import { endToEnd, linesOf, membersOf, valueOf } from './fields.ts';
import { freshnessOf } from './freshness.ts';
import { formatHttpDate, parseHttpDate } from './http-date.ts';
import { invalidatedPaths } from './invalidation.ts';
import { evaluatePreconditions, notModifiedFields } from './preconditions.ts';
import { MAX_COALESCED_GAP_BYTES, MAX_RANGES, parseContentRange, parseRanges } from './ranges.ts';
import { policyOf } from './response-policy.ts';
import { judgeReuse } from './reuse.ts';
import { dateAfter, NOW_MS } from './sample-head.ts';
import { judgeStorage } from './storable.ts';
import { storedHead } from './stored-head.ts';
import { conditionalFields, freshen } from './validation.ts';
import { selectingOf, selectVariant, varyOf } from './vary.ts';

const ROUNDS = 5000;

function generator(seed: number) {
  const random = seeded(seed);
  const below = (count: number): number => Math.floor(random() * count);
  const pick = <T>(choices: readonly T[]): T => choices[below(choices.length)]!;
  const several = <T>(most: number, make: () => T): T[] => Array.from({ length: below(most + 1) }, make);
  return { below, pick, several };
}
type Generator = ReturnType<typeof generator>;

const SCRAPS = [
  '"',
  '\\',
  ',',
  ';',
  '=',
  ' ',
  '\t',
  '*',
  '-',
  '0',
  '9',
  'a',
  'Z',
  'é',
  '/',
  ':',
  '(',
  ')',
  '%',
  'W/',
  'bytes=',
];
const NAMES = ['no-store', 'private', 'no-cache', 'public', 'must-revalidate', 'proxy-revalidate', 'must-understand'];
const TIMED = ['max-age', 's-maxage', 'stale-while-revalidate', 'stale-if-error', 'max-stale', 'min-fresh'];
const NUMBERS = ['0', '1', '10', '3600', '99999999999', '-1', 'x', '', '"5"', '1.5'];

function garbage({ pick, several }: Generator): string {
  return several(12, () => pick([...SCRAPS, ...NAMES, ...TIMED, ...NUMBERS])).join('');
}

function control(generate: Generator): string {
  const { pick, several, below } = generate;
  const directive = (): string => {
    const name = pick([...NAMES, ...TIMED, ...TIMED]);
    return TIMED.includes(name) ? `${name}=${pick(NUMBERS)}` : below(4) === 0 ? `${name}="a, b"` : name;
  };
  return below(8) === 0 ? garbage(generate) : several(4, directive).join(pick([',', ', ', ' , ']));
}

function date({ below, pick }: Generator): string {
  return below(6) === 0 ? pick(['', '0', 'foo', '-1']) : dateAfter(below(20_000) - 10_000);
}

function responseFields(generate: Generator): string[] {
  const { pick, several } = generate;
  return several(8, () => {
    const name = pick([
      'Cache-Control',
      'CDN-Cache-Control',
      'Expires',
      'Date',
      'Age',
      'Last-Modified',
      'ETag',
      'Vary',
      'Connection',
    ]);
    switch (name) {
      case 'Expires':
      case 'Date':
      case 'Last-Modified':
        return [name, date(generate)];
      case 'Age':
        return [name, pick(NUMBERS)];
      case 'ETag':
        return [name, pick(['"a"', 'W/"a"', '"b"', 'a', ''])];
      case 'Vary':
      case 'Connection':
        return [name, pick(['a', 'A, b', 'close', '*', '', 'accept-encoding', 'date', 'etag'])];
      default:
        return [name, control(generate)];
    }
  }).flat();
}

function request(generate: Generator) {
  const { pick, several } = generate;
  const fields = several(3, () => {
    const name = pick([
      'Cache-Control',
      'Pragma',
      'If-None-Match',
      'If-Modified-Since',
      'a',
      'Accept-Encoding',
      'Authorization',
    ]);
    return [name, name === 'Cache-Control' ? control(generate) : pick(['no-cache', '"a"', 'gzip, br', date(generate)])];
  }).flat();
  return { method: pick(['GET', 'GET', 'GET', 'HEAD', 'POST']), fields };
}

test('no text is too odd for a parser', () => {
  const generate = generator(9111);
  for (let i = 0; i < ROUNDS; i++) {
    const text = garbage(generate);
    const directives = parseCacheControl(text);
    for (const name of directives.keys()) {
      const seconds = secondsOf(directives, name)!;
      assert.ok(seconds >= 0 && seconds <= MAX_DELTA_S, text);
      reachOf(directives, name);
    }
    assert.equal(parseHttpDate(text, NOW_MS), null, text);
    for (const member of membersOf(text)) assert.deepEqual([member, member.trim()], [member, member]);
    parseContentRange(text);
    listsTag(text, '"a"', 'weak');
    varyOf(['Vary', text]);
    selectingOf({ method: 'GET', fields: ['Accept-Encoding', text] }, ['accept-encoding', 'accept']);
    invalidatedPaths(
      { method: 'POST', path: '/a', origins: ['http://a'] },
      { status: 200, fields: ['Location', text] },
    );
  }
});

test('ages, lifetimes and verdicts of any stored response', () => {
  const generate = generator(4_2_3);
  const seen = new Set<string>();
  for (let i = 0; i < ROUNDS; i++) {
    const fields = responseFields(generate);
    const asking = request(generate);
    const responseMs = NOW_MS + generate.below(10_000) - 5000;
    const times = { requestMs: responseMs + generate.below(4000) - 2000, responseMs };
    const status = generate.pick([200, 200, 200, 204, 301, 404, 500, 599]);
    const head = storedHead(asking, { status, fields }, times);
    const told = JSON.stringify({ head, asking });
    const policy = policyOf(head);
    let before = null;
    for (const nowMs of [-9000, 0, 1, 400, 2000, 70_000, 5_000_000].map((after) => responseMs + after)) {
      const now = freshnessOf(head, nowMs);
      assert.ok(Number.isInteger(now.ageS) && now.ageS >= 0 && now.ageS <= MAX_DELTA_S, told);
      assert.ok(now.lifetimeS >= 0 && now.lifetimeS <= MAX_DELTA_S, told);
      assert.equal(now.isFresh, now.remainingMs > 0, told);
      assert.ok(before === null || (now.ageS >= before.ageS && now.remainingMs <= before.remainingMs), told);
      before = now;

      const plain = judgeReuse({ method: 'GET', fields: [] }, head, nowMs);
      seen.add(plain.verdict);
      if (plain.verdict === 'serve') assert.ok(now.isFresh && !policy.mustValidate, told);
      if (plain.verdict === 'serve-and-refresh') {
        assert.ok(!now.isFresh && -now.remainingMs <= policy.staleWhileRevalidateMs, told);
      }
      const asked = judgeReuse(asking, head, nowMs);
      for (const verdict of [plain, asked]) {
        if (policy.mustValidate) assert.ok(verdict.verdict === 'validate' && !verdict.onErrorServe, told);
        if (policy.mustRevalidateStale && !now.isFresh) {
          assert.ok(verdict.verdict === 'validate' && !verdict.onErrorServe, told);
        }
      }
    }
  }
  assert.deepEqual([...seen].sort(), ['serve', 'serve-and-refresh', 'validate']);
});

test('what says no-store or private anywhere, or answers an authorised request, is not stored without permission', () => {
  const generate = generator(3_5);
  let stored = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const fields = responseFields(generate);
    const asking = request(generate);
    const verdict = judgeStorage(asking, { status: 200, fields }, NOW_MS);
    if (!verdict.store) continue;
    stored++;
    const told = JSON.stringify({ fields, asking });
    assert.equal(asking.method, 'GET', told);
    assert.notEqual(varyOf(fields), '*', told);
    if (linesOf(fields, 'cdn-cache-control').length > 0) continue;
    const said = membersOf((valueOf(fields, 'cache-control') ?? '').toLowerCase());
    assert.ok(!said.includes('private'), told);
    assert.ok(!said.includes('no-store') || said.some((member) => member.startsWith('must-understand')), told);
    if (linesOf(asking.fields, 'authorization').length > 0) {
      assert.ok(
        said.some((member) => /^(?:public|must-revalidate|s-maxage)/.test(member)),
        told,
      );
    }
  }
  assert.ok(stored > ROUNDS / 20, String(stored));
});

test('a stored response is selected by the request that it answered, and by one spelled otherwise', () => {
  const generate = generator(4_1);
  for (let i = 0; i < ROUNDS; i++) {
    const names = ['Accept-Encoding', 'Accept-Language', 'A'];
    const value = () =>
      generate.several(3, () => generate.pick(['gzip', 'br;q=0.5', 'de', '*', 'en;q=1', 'x'])).join(',');
    const asking = { method: 'GET', fields: names.flatMap((name) => (generate.below(4) === 0 ? [] : [name, value()])) };
    const vary = generate.several(3, () => generate.pick(names)).join(', ');
    const head = storedHead(asking, { status: 200, fields: ['Vary', vary] }, { requestMs: NOW_MS, responseMs: NOW_MS });
    const spelled = asking.fields.map((text, at) => (at % 2 === 0 ? text.toUpperCase() : text.replaceAll(',', ' ,\t')));
    for (const fields of [asking.fields, spelled]) {
      assert.ok(selectVariant([{ head }], { method: 'GET', fields }), JSON.stringify({ vary, fields }));
    }
    const normal = Object.entries(head.selecting).flatMap(([name, text]) => (text === null ? [] : [name, text]));
    assert.deepEqual(selectingOf({ method: 'GET', fields: normal }, Object.keys(head.selecting)), head.selecting);
  }
});

test('ranges stay within the content, apart from each other, and leave out nothing that was asked for', () => {
  const generate = generator(14_2);
  let answered = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const lengthBytes = generate.below(2000);
    const asked = generate.several(MAX_RANGES + 2, (): [number, number] => {
      const first = generate.below(2200);
      return [first, first + generate.below(300)];
    });
    const requested = parseRanges(`bytes=${asked.map(([first, last]) => `${first}-${last}`).join(',')}`, lengthBytes);
    if (requested.kind !== 'ranges') continue;
    answered++;
    const told = JSON.stringify({ asked, lengthBytes, requested });
    assert.ok(requested.ranges.length <= MAX_RANGES, told);
    const ascending = requested.ranges.toSorted((a, b) => a[0] - b[0]);
    for (const [at, [first, last]] of ascending.entries()) {
      assert.ok(first >= 0 && first <= last && last < lengthBytes, told);
      if (at > 0) assert.ok(first - ascending[at - 1]![1] - 1 > MAX_COALESCED_GAP_BYTES, told);
    }
    for (const [first, last] of asked) {
      if (first >= lengthBytes) continue;
      const end = Math.min(last, lengthBytes - 1);
      assert.ok(
        ascending.some((range) => range[0] <= first && end <= range[1]),
        told,
      );
    }
  }
  assert.ok(answered > ROUNDS / 10, String(answered));
});

test('what goes on or is updated has nothing of a connection, one Date, and its own length', () => {
  const generate = generator(3_2);
  let updates = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const times = { requestMs: NOW_MS, responseMs: NOW_MS + 50 };
    const fields = [...responseFields(generate), 'Content-Length', '5', 'Keep-Alive', 'x'];
    const head = storedHead(request(generate), { status: 200, fields }, times);
    assert.deepEqual(endToEnd(head.fields), head.fields);
    const later = { requestMs: NOW_MS + 5000, responseMs: NOW_MS + 5100 };
    const news = [...responseFields(generate), 'Content-Length', '7', 'Upgrade', 'x'];
    const fresh = freshen(head, { fields: news, isOnlyCandidate: generate.below(2) === 0 }, later);
    const kept = [head, ...(fresh === null ? [] : [fresh])];
    updates += kept.length - 1;
    for (const { fields: keptFields, responseMs } of kept) {
      const told = JSON.stringify({ fields, news, keptFields });
      assert.equal(linesOf(keptFields, 'date').length, 1, told);
      assert.notEqual(parseHttpDate(valueOf(keptFields, 'date')!, responseMs), null, told);
      assert.deepEqual(linesOf(keptFields, 'content-length'), ['5'], told);
      for (const name of ['connection', 'keep-alive', 'upgrade'])
        assert.equal(valueOf(keptFields, name), undefined, told);
    }
    conditionalFields(kept);
    evaluatePreconditions(request(generate), head);
    assert.equal(valueOf(notModifiedFields(head.fields), 'content-length'), undefined);
  }
  assert.ok(updates > ROUNDS / 20, String(updates));
});

test('dates of any time read as they were written', () => {
  const generate = generator(5_6_7);
  for (let i = 0; i < ROUNDS; i++) {
    const ms = generate.below(253_402_300_800) * 1000;
    assert.equal(parseHttpDate(formatHttpDate(ms), NOW_MS), ms);
  }
});
