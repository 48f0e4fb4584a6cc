import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Cmcd as ForeignCmcd, CMCD_V1, CMCD_V2, toCmcdHeaders, toCmcdQuery } from '@svta/cml-cmcd';
import { CMCD_ITEMS_LIMIT, CMCD_KEYS_LIMIT, CMCD_LIMIT_CHARS, parseCmcd, readCmcd, withoutCmcd } from './cmcd.ts';
import { seeded } from './test-random.ts';

const NOTHING = { integers: {}, texts: {}, tokens: {}, rate: null, next: [] };

const noField = (): undefined => undefined;

/** As seen, without what is not there. */
function told(text: string): Record<string, unknown> {
  const { flags, ...rest } = parseCmcd(text) ?? { flags: [] };
  return { ...rest, flags: [...flags] };
}

test('every key of version 1 is read', () => {
  const text =
    'br=3200,bl=21300,bs,cid="faec5fc2-ac30-11ea",d=4004,dl=18500,mtp=48100,nor="..%2F300kbps%2Ftrack.m4v",' +
    'nrr="12323-48763",ot=v,pr=1.08,rtp=12000,sf=d,sid="6e2fb550-c457",st=v,su,tb=6000,com.example-x="a,b=c",v=1';
  assert.deepEqual(told(text), {
    version: 1,
    integers: { bl: [21_300], br: [3_200], d: [4_004], dl: [18_500], mtp: [48_100], rtp: [12_000], tb: [6_000] },
    flags: ['bs', 'su'],
    texts: { cid: 'faec5fc2-ac30-11ea', sid: '6e2fb550-c457' },
    tokens: { ot: 'v', sf: 'd', st: 'v' },
    rate: 1.08,
    next: [{ reference: '../300kbps/track.m4v', range: '12323-48763' }],
  });
});

test('lists, ranges beside their object, and the keys of version 2 are read', () => {
  const text =
    'v=2,br=(4000;v 128;a),bl=(4200;v 3900),bsa=(2),nor=("seg2.m4s?a=%2F";r="0-99" "../b/seg3.m4s"),sta=r,ltc=2900,' +
    'cdn="one",bg=?1,nr=?0,ec=("e1" "e2"),sn=7,tpb=(5000)';
  assert.deepEqual(told(text), {
    version: 2,
    integers: { bl: [4_200, 3_900], br: [4_000, 128], bsa: [2], ltc: [2_900], sn: [7], tpb: [5_000] },
    flags: ['bg'],
    texts: { cdn: 'one' },
    tokens: { sta: 'r' },
    rate: null,
    next: [
      { reference: 'seg2.m4s?a=%2F', range: '0-99' },
      { reference: '../b/seg3.m4s', range: null },
    ],
  });
});

test('what has the wrong form is passed over, and nothing else with it', () => {
  const good = { ...NOTHING, version: 1, integers: { d: [1] }, flags: ['bs'] };
  const strange = [
    'br= br=x br="1" br=-1 br=(1,x br=(1 br=1) br=(1, br=(-1,2) BR=1 =1 " 1=1 br=1.1234 __proto__=1'.split(' '),
    'sid="a sid="\\x" ot=x st=?1 pr=fast su=1 su=?0 nor=1 nor="%" nrr="1" nrr="-9" nrr=1 ()'.split(' '),
    ['', ' ', 'br=1 2', 'br=(1 x', `br=${'9'.repeat(16)}`, `sid="${'x'.repeat(129)}"`],
  ];
  for (const piece of strange.flat()) assert.deepEqual(told(`bs,d=1,${piece}`), good, piece);
  assert.deepEqual(told('d=1,d=2').integers, { d: [1] }, 'the first counts');
  assert.deepEqual(told('sid=x').texts, { sid: 'x' }, 'a string without its quotes is no worse');
  assert.deepEqual(told('nrr="5-"').next, [{ reference: '', range: '5-' }], 'of the same object');
});

test('query and fields are read as one; a query that is no encoding is passed over', () => {
  const fields: Record<string, string> = { 'cmcd-request': 'bl=900,nor="b.m4s"', 'cmcd-status': 'bs' };
  const read = readCmcd('a=1&CMCD=br%3D1000%2Csid%3D%22x%22&b', (name) => fields[name]);
  assert.deepEqual(read?.integers, { bl: [900], br: [1_000] });
  assert.deepEqual([...(read?.flags ?? [])], ['bs']);
  assert.equal(readCmcd('CMCD=%', noField), null);
  assert.equal(readCmcd('XCMCD=bs&cmcd=bs', noField), null);
});

test('a query is left without it, and otherwise as it is', () => {
  const table = [
    ['', ''],
    ['CMCD=bs', ''],
    ['CMCD', ''],
    ['a=1&CMCD=bs%2Cd%3D1&b=%2f&&c', 'a=1&b=%2f&&c'],
    ['CMCD=1&CMCD=2&a', 'a'],
    ['xCMCD=1&CMCDx=2&cmcd=3', 'xCMCD=1&CMCDx=2&cmcd=3'],
  ] as const;
  for (const [query, rest] of table) assert.equal(withoutCmcd(query), rest);
});

test('what players are built with is read, in the query and in fields', () => {
  const common: ForeignCmcd = { sid: 'a"b\\c', pr: 1.05, st: 'l', ot: 'v', sf: 'h', bs: true, d: 2_000, ltc: 3_000 };
  const v2: ForeignCmcd = { ...common, v: 2, nor: ['../v/8.m4s'], br: [1_000], bl: [4_200], sta: 'r' };
  const url = toCmcdQuery(v2, { version: CMCD_V2 });
  const lists = { d: [2_000], br: [1_000], bl: [4_200] };
  const told = { version: 2, integers: { ...lists, ltc: [3_000] }, next: [{ reference: '../v/8.m4s', range: null }] };
  const texts = { sid: 'a"b\\c' };
  for (const read of [readCmcd(url, noField), fromHeaders(toCmcdHeaders(v2, { version: CMCD_V2 }))]) {
    const { flags, ...rest } = read ?? { flags: [] };
    assert.deepEqual([...flags], ['bs']);
    assert.deepEqual(rest, { ...told, texts, rate: 1.05, tokens: { ot: 'v', sf: 'h', st: 'l', sta: 'r' } });
  }
  const v1 = toCmcdQuery({ ...v2, v: 1 }, { version: CMCD_V1 });
  assert.deepEqual(readCmcd(v1, noField)?.integers, lists);
  assert.deepEqual(readCmcd(v1, noField)?.next, told.next);
});

function fromHeaders(headers: Readonly<Record<string, string>>): ReturnType<typeof readCmcd> {
  const byName = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return readCmcd('', (name) => byName.get(name));
}

test('limits: all that is said, keys, and items of a list', () => {
  const padding = (length: number): string => `bs,x-y="${'x'.repeat(length - 'bs,x-y=""'.length)}"`;
  assert.equal(parseCmcd(padding(CMCD_LIMIT_CHARS))?.flags.size, 1);
  assert.equal(parseCmcd(padding(CMCD_LIMIT_CHARS + 1)), null);
  const keys = (count: number): string => Array.from({ length: count }, (_, index) => `x-${index}`).join(',');
  assert.equal(parseCmcd(`${keys(CMCD_KEYS_LIMIT - 1)},bs`)?.flags.size, 1);
  assert.equal(parseCmcd(`${keys(CMCD_KEYS_LIMIT)},bs`)?.flags.size, 0);
  const list = `nor=(${'"a" '.repeat(CMCD_ITEMS_LIMIT + 1)})`;
  assert.equal(parseCmcd(`v=2,${list}`)?.next.length, CMCD_ITEMS_LIMIT);
});

test('whatever comes, it is read or passed over, in time that grows with its length', () => {
  const random = seeded(5_004);
  const alphabet = [
    ...'" \\ ( ) , ; = ? 1 - . % %2 v=2 nor= br=( bs r="0- sid=" x- * 999999999999999 ;r="1-2" /.. é 😀'.split(' '),
    ' ',
    '\u0000',
    '\uD800',
  ];
  for (let round = 0; round < 20_000; round += 1) {
    const length = Math.floor(random() * 40);
    const text = Array.from({ length }, () => alphabet[Math.floor(random() * alphabet.length)]).join('');
    const read = readCmcd(`CMCD=${encode(text)}`, (name) => (name === 'cmcd-status' ? text : undefined));
    for (const list of Object.values(read?.integers ?? {}))
      assert.ok(list.every((value) => Number.isSafeInteger(value)));
    assert.ok((read?.next ?? []).every(({ range }) => range === null || /^\d+-\d*$/.test(range)));
  }
  for (const piece of ['"', '(', '("', '\\', ';a', 'a;', 'a=(1;a=', '"\\', ';r="', 'a="a;']) {
    const startMs = performance.now();
    for (let round = 0; round < 100; round += 1) parseCmcd(`nor=${piece.repeat(CMCD_LIMIT_CHARS / piece.length - 4)}`);
    assert.ok(performance.now() - startMs < 2_000, piece);
  }
});

function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}
