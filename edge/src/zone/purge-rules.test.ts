import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PurgeMark } from './entry.ts';
import { PurgeRules, RULE_LIMIT } from './purge-rules.ts';

function marked(seq: number): PurgeMark {
  return { seq, checkedSeq: seq, isStale: false, isVoid: false };
}

function object(change: Partial<{ host: string; path: string; tags: readonly string[] }> = {}) {
  return { host: 'a.example', path: '/img/1.jpg?w=2', tags: ['t'], ...change };
}

test('a purge is of what its URL, prefix or tag names, in every spelling', () => {
  const cases: readonly (readonly [object, boolean])[] = [
    [{ url: 'https://A.example:8443/img/1.jpg?w=2' }, true],
    [{ url: 'https://a.example/%69mg/1.jpg?w=2' }, true],
    [{ url: 'https://a.example/img/1.jpg' }, false],
    [{ url: 'https://b.example/img/1.jpg?w=2' }, false],
    [{ url: '/img/1.jpg?w=2' }, true],
    [{ prefix: 'https://a.example/img/' }, true],
    [{ prefix: '/img' }, true],
    [{ prefix: 'https://a.example' }, true],
    [{ prefix: '/video/' }, false],
    [{ tag: 't' }, true],
    [{ tag: 'u' }, false],
    [{ all: true }, true],
  ];
  for (const [purge, isGone] of cases) {
    const rules = new PurgeRules();
    const mark = marked(rules.seq);
    rules.order({ soft: false, ...purge });
    assert.equal(rules.judge({ ...object(), mark }), isGone ? 'gone' : 'kept', JSON.stringify(purge));
  }
});

test('a purge is of nothing whose fetch began after it', () => {
  const rules = new PurgeRules();
  rules.order({ all: true, soft: false });
  assert.equal(rules.judge({ ...object(), mark: marked(rules.seq) }), 'kept');
});

test('a soft purge makes stale, a hard one ends, and both are remembered', () => {
  const rules = new PurgeRules();
  const mark = marked(rules.seq);
  rules.order({ tag: 't', soft: true });
  assert.equal(rules.judge({ ...object(), mark }), 'stale');
  assert.equal(rules.judge({ ...object({ tags: [] }), mark }), 'stale');
  rules.order({ tag: 'u', soft: false });
  assert.equal(rules.judge({ ...object(), mark }), 'stale');
  rules.order({ tag: 't', soft: false });
  assert.equal(rules.judge({ ...object(), mark }), 'gone');
});

test('what was not looked at while more rules came than are remembered is gone', () => {
  const rules = new PurgeRules();
  const [old, looked] = [marked(rules.seq), marked(rules.seq)];
  for (let nth = 0; nth <= RULE_LIMIT; nth += 1) {
    rules.order({ tag: `x${nth}`, soft: false });
    if (nth === RULE_LIMIT - 1) assert.equal(rules.judge({ ...object(), mark: looked }), 'kept');
  }
  assert.equal(rules.judge({ ...object(), mark: old }), 'gone');
  assert.equal(rules.judge({ ...object(), mark: looked }), 'kept');
});
