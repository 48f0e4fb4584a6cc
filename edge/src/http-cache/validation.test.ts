import assert from 'node:assert/strict';
import { test } from 'node:test';
import { valueOf, without } from './fields.ts';
import { freshnessOf } from './freshness.ts';
import { dateAfter, NOW_MS, stored } from './sample-head.ts';
import { CONDITIONAL_FIELDS, conditionalFields, freshen, freshenByHead, MAX_VALIDATED_TAGS } from './validation.ts';

const LATER = { requestMs: NOW_MS + 60_000, responseMs: NOW_MS + 60_100 };
const MODIFIED = dateAfter(-3600);

test('validation by tag and date of the one, by tags of several', () => {
  const one = stored(['ETag', '"a"', 'Last-Modified', MODIFIED]);
  const two = stored(['ETag', 'W/"b"']);
  assert.deepEqual(conditionalFields([one]), ['If-None-Match', '"a"', 'If-Modified-Since', MODIFIED]);
  assert.deepEqual(conditionalFields([stored(['Last-Modified', MODIFIED])]), ['If-Modified-Since', MODIFIED]);
  assert.deepEqual(conditionalFields([one, two, one]), ['If-None-Match', '"a", W/"b"']);
  assert.deepEqual(conditionalFields([stored([])]), []);
  assert.deepEqual(conditionalFields([stored(['Last-Modified', 'foo'])]), []);
  assert.deepEqual(conditionalFields([]), []);
});

test('validation names so many tags and no more', () => {
  const heads = Array.from({ length: MAX_VALIDATED_TAGS + 1 }, (_, i) => stored(['ETag', `"${i}"`]));
  const tags = conditionalFields(heads)[1]!.split(', ');
  assert.equal(tags.length, MAX_VALIDATED_TAGS);
  assert.equal(tags[0], '"0"');
});

test("a viewer's own conditions are taken off", () => {
  const conditions = ['If-Match', 'If-None-Match', 'If-Modified-Since', 'If-Unmodified-Since', 'If-Range'];
  assert.deepEqual(without([...conditions.flatMap((name) => [name, 'x']), 'A', '1'], CONDITIONAL_FIELDS), ['A', '1']);
});

function isAbout(stored_: string[], news: string[], isOnlyCandidate = true): boolean {
  return freshen(stored(stored_), { fields: news, isOnlyCandidate }, LATER) !== null;
}

test('a 304 updates what has its strong tag, and nothing else', () => {
  assert.ok(isAbout(['ETag', '"a"'], ['ETag', '"a"']));
  assert.ok(isAbout(['ETag', '"a"'], ['ETag', '"a"'], false));
  assert.ok(!isAbout(['ETag', '"a"'], ['ETag', '"b"']));
  assert.ok(!isAbout(['ETag', 'W/"a"'], ['ETag', '"a"']));
  assert.ok(!isAbout(['Last-Modified', MODIFIED], ['ETag', '"a"', 'Last-Modified', MODIFIED]));
});

test('a 304 without a strong tag updates what has the same weak validators', () => {
  assert.ok(isAbout(['ETag', 'W/"a"'], ['ETag', 'W/"a"'], false));
  assert.ok(isAbout(['ETag', '"a"'], ['ETag', 'W/"a"'], false));
  assert.ok(!isAbout(['ETag', 'W/"a"'], ['ETag', 'W/"b"']));
  assert.ok(isAbout(['Last-Modified', MODIFIED], ['Last-Modified', MODIFIED], false));
  assert.ok(!isAbout(['Last-Modified', MODIFIED], ['Last-Modified', dateAfter(-1)]));
});

test('a 304 without validators updates only the one that was asked about', () => {
  assert.ok(isAbout([], [], true));
  assert.ok(isAbout(['ETag', '"a"'], [], true));
  assert.ok(!isAbout([], [], false));
  assert.ok(!isAbout(['ETag', '"a"'], [], false));
});

test('a 304 replaces the fields that it has, and those of the moment', () => {
  const head = stored([
    'ETag',
    '"a"',
    'Cache-Control',
    'max-age=2',
    'A',
    '1',
    'B',
    '1',
    'B',
    '2',
    'Age',
    '1',
    'Content-Type',
    'x/y',
    'Content-Length',
    '5',
    'Content-Encoding',
    'gzip',
    'Content-Range',
    'bytes 0-4/10',
    'Cache-Status',
    'x; hit',
  ]);
  const news = [
    'ETag',
    '"a"',
    'cache-control',
    'max-age=60',
    'b',
    '3',
    'C',
    '4',
    'Connection',
    'd',
    'D',
    '5',
    'Content-Type',
    'x/z',
    'Content-Length',
    '0',
    'Content-Encoding',
    'br',
    'Content-Range',
    'bytes 0-4/20',
  ];
  const fresh = freshen(head, { fields: news, isOnlyCandidate: true }, LATER)!;
  assert.deepEqual(fresh, {
    status: 200,
    selecting: {},
    ...LATER,
    fields: [
      'A',
      '1',
      'Content-Length',
      '5',
      'Content-Encoding',
      'gzip',
      'Content-Range',
      'bytes 0-4/10',
      'ETag',
      '"a"',
      'cache-control',
      'max-age=60',
      'b',
      '3',
      'C',
      '4',
      'Content-Type',
      'x/z',
      'Date',
      dateAfter(60),
    ],
  });
  const { ageS, lifetimeS } = freshnessOf(fresh, LATER.responseMs + 5000);
  assert.deepEqual({ ageS, lifetimeS }, { ageS: 5, lifetimeS: 60 });
});

test('a 304 keeps what it does not name', () => {
  const head = stored(['Last-Modified', MODIFIED, 'Cache-Control', 'max-age=2', 'Test', 'a']);
  const fresh = freshen(
    head,
    { fields: ['Last-Modified', MODIFIED, 'Date', dateAfter(60)], isOnlyCandidate: true },
    LATER,
  );
  assert.equal(valueOf(fresh!.fields, 'test'), 'a');
  assert.equal(valueOf(fresh!.fields, 'cache-control'), 'max-age=2');
  assert.equal(valueOf(fresh!.fields, 'date'), dateAfter(60));
});

function byHead(storedFields: string[], news: string[], about: { status?: number; storedBytes?: number | null } = {}) {
  const { status = 200, storedBytes = 10 } = about;
  return freshenByHead(stored(storedFields), { status, fields: news }, { times: LATER, storedBytes });
}

test('HEAD updates the stored response to GET that it describes', () => {
  const news = byHead(['ETag', '"a"', 'A', '1'], ['ETag', '"a"', 'A', '2', 'Content-Length', '10']);
  assert.ok(news.kind === 'updated');
  assert.equal(valueOf(news.head.fields, 'a'), '2');
  assert.equal(news.head.responseMs, LATER.responseMs);
  assert.equal(byHead(['ETag', '"a"'], ['ETag', '"a"', 'Content-Length', '12'], { storedBytes: null }).kind, 'updated');
  assert.equal(byHead(['A', '1'], ['A', '2', 'Content-Length', '10']).kind, 'unrelated');
  assert.equal(byHead(['A', '1'], ['A', '2', 'Content-Length', '11']).kind, 'changed');
});

test('HEAD of another representation makes the stored response need validation', () => {
  assert.equal(byHead(['ETag', '"a"'], ['ETag', '"b"']).kind, 'changed');
  assert.equal(byHead([], ['ETag', '"b"']).kind, 'changed');
  assert.equal(byHead(['ETag', '"a"'], []).kind, 'changed');
  assert.equal(byHead(['Last-Modified', MODIFIED], ['Last-Modified', dateAfter(-1)]).kind, 'changed');
  assert.equal(byHead(['ETag', '"a"'], ['ETag', '"a"', 'Content-Length', '11']).kind, 'changed');
  assert.equal(byHead(['ETag', '"a"'], ['ETag', '"b"'], { status: 404 }).kind, 'unrelated');
});
