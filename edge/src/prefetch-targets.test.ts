import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCmcd } from '@headwater/protocol/cmcd';
import { seeded } from '@headwater/protocol/test-random';
import { PREFETCH_TARGETS_LIMIT, REFERENCE_LIMIT_CHARS, prefetchTargetsOf } from './prefetch-targets.ts';

const ASKED = { url: '/t/TOKEN/vod/one/v/7.m4s?a=1&CMCD=bs', authority: 'cdn.example:8080', within: '/t/TOKEN/vod/' };

function found(reference: string, range: string | null = null): readonly unknown[] {
  return prefetchTargetsOf({ next: [{ reference, range }] }, ASKED).map((target) =>
    target.range === null ? target.url : [target.url, target.range],
  );
}

test('a reference leads to what the player would ask for, under the same token', () => {
  const table = [
    ['8.m4s', '/t/TOKEN/vod/one/v/8.m4s'],
    ['8.m4s?a=1&CMCD=bs', '/t/TOKEN/vod/one/v/8.m4s?a=1'],
    ['../a/7.m4s', '/t/TOKEN/vod/one/a/7.m4s'],
    ['../../two/v/7.m4s', '/t/TOKEN/vod/two/v/7.m4s'],
    ['/t/TOKEN/vod/x', '/t/TOKEN/vod/x'],
    ['?a=2', '/t/TOKEN/vod/one/v/7.m4s?a=2'],
    ['http://cdn.example:8080/t/TOKEN/vod/x', '/t/TOKEN/vod/x'],
    ['https://CDN.example:8080/t/TOKEN/vod/x', '/t/TOKEN/vod/x'],
    ['a%20b.m4s', '/t/TOKEN/vod/one/v/a%20b.m4s'],
  ] as const;
  for (const [reference, url] of table) assert.deepEqual(found(reference), [url], reference);
});

test('ranges are of the object that is named, or of the one that was asked for', () => {
  assert.deepEqual(found('8.m4s', '0-99'), [['/t/TOKEN/vod/one/v/8.m4s', 'bytes=0-99']]);
  assert.deepEqual(found('', '100-'), [['/t/TOKEN/vod/one/v/7.m4s?a=1', 'bytes=100-']]);
  assert.deepEqual(found('7.m4s?a=1'), [], 'what was asked for is on its way');
});

test('nothing leads to another host, another scope, or past the prefix', () => {
  const refused = [
    '../../../x ../../../../../../etc/passwd /x /t/OTHER/vod/x /t/TOKEN/vodx /t/TOKEN/vod ../../..'.split(' '),
    'http://other.example/t/TOKEN/vod/x http://cdn.example/t/TOKEN/vod/x //other.example/t/TOKEN/vod/x'.split(' '),
    'http:///t/TOKEN/vod/x http://cdn.example:8080@other.example/t/TOKEN/vod/x file:///t/TOKEN/vod/x'.split(' '),
    'javascript:x http:8.m4s// %2e%2e/x ..%2fx ..%5Cx ..\\x a\u0000 a%00 é a#b /t/TOKEN/vod//x a% a%zz'.split(' '),
    ['a b', 'a\tb', ' /t/TOKEN/vod/x', '\n8.m4s', 'x'.repeat(REFERENCE_LIMIT_CHARS + 1)],
  ];
  for (const reference of refused.flat()) assert.deepEqual(found(reference), [], JSON.stringify(reference));
});

test('limits: a reference, what it leads to, and how many there are', () => {
  const room = REFERENCE_LIMIT_CHARS - '/t/TOKEN/vod/one/v/'.length;
  assert.equal(found('x'.repeat(room)).length, 1);
  assert.equal(found('x'.repeat(room + 1)).length, 0);
  const next = Array.from({ length: PREFETCH_TARGETS_LIMIT + 1 }, (_, index) => ({
    reference: `${index}`,
    range: null,
  }));
  assert.equal(prefetchTargetsOf({ next }, ASKED).length, PREFETCH_TARGETS_LIMIT);
});

test('whatever is said, what is fetched stays in scope', () => {
  const random = seeded(7);
  const pieces = '.. . / // a %2e %2E%2e \\ ? : @ http: t TOKEN vod ; %'.split(' ');
  for (let round = 0; round < 20_000; round += 1) {
    const length = 1 + Math.floor(random() * 10);
    const reference = Array.from({ length }, () => pieces[Math.floor(random() * pieces.length)]).join('');
    const said = parseCmcd(`v=2,nor=("${reference.replaceAll('\\', '\\\\')}")`) ?? { next: [] };
    for (const { url } of prefetchTargetsOf(said, ASKED)) {
      const { pathname, host } = new URL(url, 'http://cdn.example:8080');
      assert.ok(pathname.startsWith(ASKED.within) && host === ASKED.authority, `${reference} led to ${url}`);
      assert.ok(url.startsWith(pathname), `${url} is as it will be read`);
    }
  }
});
