import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPurge } from '@headwater/protocol/purge-scope';
import { seeded } from '@headwater/protocol/test-random';
import type { PurgeMark } from './entry.ts';
import { PurgeRules, type Purgeable, RULE_LIMIT } from './purge-rules.ts';
import { ANY_TAG } from './tags.ts';

type Order = Parameters<PurgeRules['order']>[0];
type Facts = Omit<Purgeable, 'mark'>;

const IMAGE: Facts = { host: 'a.example', path: '/img/1.jpg?w=2', tags: ['zone:site', 't'] };
const ANYWHERE: Facts = { host: '', path: '/img/1.jpg', tags: ['zone:any'] };

function marked(rules: PurgeRules): PurgeMark {
  return { seq: rules.seq, checkedSeq: rules.seq, isStale: false, isVoid: false };
}

test('a purge is of what its URL, prefix or tag names, in every spelling, and of nothing else', () => {
  const cases: readonly (readonly [Facts, object, boolean])[] = [
    [IMAGE, { url: 'https://A.example:8443/img/1.jpg?w=2' }, true],
    [IMAGE, { url: 'https://a.example./%69mg//1.jpg?w=2' }, true],
    [IMAGE, { url: 'https://a.example/img/1.jpg' }, false],
    [IMAGE, { url: 'https://a.example/img/1.jpg?w=3' }, false],
    [IMAGE, { url: 'https://b.example/img/1.jpg?w=2' }, false],
    [IMAGE, { url: '/img/1.jpg?w=2' }, true],
    [IMAGE, { prefix: 'https://a.example/img/' }, true],
    [IMAGE, { prefix: 'https://b.example/img/' }, false],
    [IMAGE, { prefix: '/img' }, true],
    [IMAGE, { prefix: '/img/1.jpg?w' }, true],
    [IMAGE, { prefix: 'https://a.example' }, true],
    [IMAGE, { prefix: '/video/' }, false],
    [IMAGE, { tag: 't' }, true],
    [IMAGE, { tag: 'T' }, false],
    [IMAGE, { tag: 'u' }, false],
    [IMAGE, { tag: 'zone:site' }, true],
    [IMAGE, { tag: 'stream:site' }, false],
    [IMAGE, { all: true }, true],
    // A zone for any host answers on every one.
    [ANYWHERE, { url: 'https://b.example/img/1.jpg' }, true],
    [ANYWHERE, { prefix: 'https://b.example/img' }, true],
    [ANYWHERE, { url: '/img/1.jpg' }, true],
    [ANYWHERE, { url: 'https://b.example/img/2.jpg' }, false],
    // What cannot be read.
    [IMAGE, { url: '/x/../img/1.jpg?w=2' }, false],
  ];
  for (const [facts, purge, isOf] of cases) {
    for (const soft of [false, true]) {
      const rules = new PurgeRules();
      const mark = marked(rules);
      rules.order({ soft, ...purge });
      const reached = soft ? 'stale' : 'gone';
      assert.equal(rules.judge({ ...facts, mark }), isOf ? reached : 'kept', JSON.stringify(purge));
    }
  }
});

test('a purge is of nothing whose fetch began after it', () => {
  const rules = new PurgeRules();
  rules.order({ all: true, soft: false });
  assert.equal(rules.judge({ ...IMAGE, mark: marked(rules) }), 'kept');
});

test('a soft purge makes stale, a hard one ends, and both are remembered', () => {
  const rules = new PurgeRules();
  const mark = marked(rules);
  rules.order({ tag: 't', soft: true });
  assert.equal(rules.judge({ ...IMAGE, mark }), 'stale');
  assert.equal(rules.judge({ ...IMAGE, tags: [], mark }), 'stale');
  rules.order({ tag: 'u', soft: false });
  assert.equal(rules.judge({ ...IMAGE, mark }), 'stale');
  rules.order({ tag: 't', soft: false });
  rules.order({ tag: 't', soft: true });
  assert.equal(rules.judge({ ...IMAGE, mark }), 'gone', 'a soft purge hides no hard one before it');
});

test('an object whose tags were too many is reached by the purge of any', () => {
  const rules = new PurgeRules();
  const many = { ...IMAGE, tags: ['zone:site', ANY_TAG], mark: marked(rules) };
  rules.order({ url: '/elsewhere', soft: false });
  assert.equal(rules.judge(many), 'kept');
  rules.order({ tag: 'whatever', soft: false });
  assert.equal(rules.judge(many), 'gone');
});

test('what was not looked at while more purges came than are remembered counts as purged, by the kind that is forgotten', () => {
  const rules = new PurgeRules();
  const [old, looked] = [marked(rules), marked(rules)];
  rules.order({ tag: 'hard', soft: false });
  const young = marked(rules);
  rules.order({ tag: 'soft', soft: true });
  for (let nth = 2; nth < RULE_LIMIT; nth += 1) rules.order({ tag: `x${nth}`, soft: false });
  assert.equal(rules.judge({ ...IMAGE, mark: looked }), 'kept', 'at the limit');
  rules.order({ tag: 'x2', soft: false });
  assert.equal(rules.judge({ ...IMAGE, mark: { ...old } }), 'kept', 'the same thing again takes no room');
  rules.order({ tag: 'one-more', soft: false });
  assert.equal(rules.judge({ ...IMAGE, mark: old }), 'gone');
  rules.order({ tag: 'and-another', soft: false });
  assert.equal(rules.judge({ ...IMAGE, mark: young }), 'stale');
  assert.equal(rules.judge({ ...IMAGE, mark: looked }), 'kept');
});

test('a mark of another run, whose purges are not known, is void', () => {
  const mark = { seq: 3, checkedSeq: 3, isStale: false, isVoid: false };
  assert.equal(new PurgeRules().judge({ ...IMAGE, mark }), 'gone');
});

/** As the words above say it, one purge after another. */
function plainVerdict(orders: readonly Order[], { host, path, tags, mark }: Purgeable): string {
  let verdict = 'kept';
  for (const order of orders.slice(mark.seq)) {
    const scope = readPurge(order);
    assert.ok(typeof scope !== 'string');
    const isOfHost = 'host' in scope && (scope.host === null || host === '' || host === scope.host);
    const isReached =
      scope.kind === 'all' ||
      (scope.kind === 'tag' && tags.includes(scope.tag)) ||
      (scope.kind === 'url' && isOfHost && path === scope.name) ||
      (scope.kind === 'prefix' && isOfHost && path.startsWith(scope.name));
    if (isReached && verdict !== 'gone') verdict = order.soft ? 'stale' : 'gone';
  }
  return verdict;
}

test('agrees with a plain reading of 20,000 orders and look-ups, however they interleave', () => {
  const random = seeded(3);
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;
  const hosts = ['', 'a.example', 'b.example'];
  const paths = ['/', '/x', '/x/y', '/x/y?q', '/z'];
  const tags = ['t1', 't2', 't3'];
  const makeOrder = (): Order => {
    const where = pick(['', 'http://a.example', 'https://b.example:1']) + pick(paths);
    const orders = [{ url: where }, { url: where }, { prefix: where }, { tag: pick(tags) }, { tag: pick(tags) }];
    return { ...(random() < 0.01 ? { all: true as const } : pick(orders)), soft: random() < 0.5 };
  };
  const seen = { kept: 0, stale: 0, gone: 0 };
  for (let round = 0; round < 200; round += 1) {
    const rules = new PurgeRules();
    const orders: Order[] = [];
    const objects: Purgeable[] = [];
    for (let step = 0; step < 100; step += 1) {
      if (random() < 0.3) {
        const own = tags.filter(() => random() < 0.3);
        objects.push({ host: pick(hosts), path: pick(paths), tags: own, mark: marked(rules) });
      } else if (random() < 0.4) {
        const order = makeOrder();
        orders.push(order);
        rules.order(order);
      } else if (objects.length > 0) {
        const object = pick(objects);
        const verdict = rules.judge(object);
        assert.equal(verdict, plainVerdict(orders, object), JSON.stringify({ object, orders }));
        seen[verdict] += 1;
      }
    }
  }
  assert.ok(Math.min(...Object.values(seen)) > 300, JSON.stringify(seen));
});

test('a purge is in effect in less than 5 ms with 100,000 objects and as many purges as are remembered', () => {
  const rules = new PurgeRules();
  const objects = Array.from({ length: 100_000 }, (_, n): Purgeable => {
    const path = `/dir${n % 100}/object${n}`;
    return { host: 'a.example', path, tags: [`tag${n % 1000}`, `n${n}`], mark: marked(rules) };
  });
  const countGone = (): number => objects.filter((object) => rules.judge(object) === 'gone').length;
  for (let n = 0; n < RULE_LIMIT; n += 1) rules.order({ url: `/none/${n}`, soft: false });
  assert.equal(countGone(), 0);
  const orders: [order: object, reached: number][] = [
    [{ tag: 'n99999' }, 1],
    [{ prefix: 'https://a.example/dir9' }, 11_000],
    [{ all: true }, 100_000],
  ];
  for (const [order, reached] of orders) {
    const startMs = performance.now();
    rules.order({ ...order, soft: false });
    assert.equal(rules.judge(objects[99_999] as Purgeable), 'gone');
    const tookMs = performance.now() - startMs;
    assert.ok(tookMs < 5, `${tookMs} ms`);
    assert.equal(countGone(), reached);
  }
});
