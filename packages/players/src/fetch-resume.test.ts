import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { installFetchResume } from './browser/fetch-resume.ts';

const box = (type: string, bytes: number): Buffer => {
  const made = Buffer.alloc(bytes, type);
  made.writeUInt32BE(bytes);
  made.write(type, 4);
  return made;
};
const FIRST = [box('styp', 12), box('prft', 10), box('moof', 15), box('mdat', 21)];
const SECOND = [box('moof', 13), box('mdat', 9)];
const THIRD = [box('moof', 11), box('mdat', 8)];
const SEGMENT = Buffer.concat([...FIRST, ...SECOND, ...THIRD]);
const CHUNK_ENDS = [FIRST, [...FIRST, ...SECOND], [...FIRST, ...SECOND, ...THIRD]].map(
  (boxes) => Buffer.concat(boxes).length,
);

const plain = globalThis.fetch;
let answers: { readonly bytes: Uint8Array; readonly breaksOff?: true; readonly status?: number }[] = [];
let nowMs = 0;
let pieceBytes = 1;
let uninstall: () => void;
before(() => {
  globalThis.fetch = async (input) => {
    const { bytes, breaksOff, status = 200 } = answers.shift() ?? { bytes: SEGMENT };
    let at = 0;
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller) {
        if (at < bytes.length) return controller.enqueue(Uint8Array.from(bytes.subarray(at, (at += pieceBytes))));
        if (breaksOff) controller.error(new TypeError('broken off'));
        else controller.close();
      },
    });
    return Object.defineProperty(new Response(body, { status }), 'url', { value: new Request(input).url });
  };
  uninstall = installFetchResume(() => nowMs);
});
after(() => {
  uninstall();
  globalThis.fetch = plain;
});

/** All that came of it, in buffers of its own, until it ended or broke off. */
async function load(url: string, signal?: AbortSignal): Promise<Buffer> {
  const { body } = await fetch(url, signal === undefined ? undefined : { signal });
  const taken: Uint8Array[] = [];
  try {
    for await (const data of body ?? []) {
      assert.equal(data.byteLength, data.buffer.byteLength);
      taken.push(data);
    }
  } catch (error) {
    assert.match(String(error), /broken off/);
  }
  return Buffer.concat(taken);
}

/** The whole chunks among bytes that begin with one: what dash.js appends of them. */
const wholeOf = (bytes: number): number => Math.max(0, ...CHUNK_ENDS.filter((end) => end <= bytes));

test('a segment that broke off goes on after its last whole chunk, wherever it broke and however its bytes come', async () => {
  for (pieceBytes of [1, 7]) {
    for (let cut = 0; cut <= SEGMENT.length; cut += 1) {
      const path = `/${pieceBytes}/${cut}/1.m4s`;
      answers = [{ bytes: SEGMENT.subarray(0, cut), breaksOff: true }, { bytes: SEGMENT }];
      const first = await load(`http://one${path}`);
      assert.deepEqual(first, SEGMENT.subarray(0, cut));
      const second = await load(`http://other${path}?hwpeer=1`);
      assert.deepEqual(second, SEGMENT.subarray(wholeOf(cut)), path);
      assert.deepEqual(await load(`http://one${path}`), SEGMENT, 'one that ended well is whole again');
    }
  }
});

test('and once more where that breaks off, too, sooner or later than the first', async () => {
  pieceBytes = 3;
  const [one = 0, two = 0] = CHUNK_ENDS;
  for (const [first, second, from] of [
    [one, two + 1, two],
    [two, one + 1, two],
  ] as const) {
    answers = [first, second].map((cut) => ({ bytes: SEGMENT.subarray(0, cut), breaksOff: true }));
    const path = `http://one/again/${first}.m4s`;
    await load(path);
    await load(path);
    assert.deepEqual(await load(path), SEGMENT.subarray(from));
  }
});

test('what is asked for as a whole comes as a whole', async () => {
  pieceBytes = 7;
  const broken = { bytes: SEGMENT.subarray(0, -1), breaksOff: true } as const;
  const cases: readonly [string, () => Promise<unknown>][] = [
    ['asked for later', async () => void (await load('http://one/a.m4s'), (nowMs += 60_000))],
    ['another segment', () => load('http://one/b.m4s')],
    ['given up by the player', () => load('http://one/a.m4s', AbortSignal.abort())],
  ];
  for (const [what, prepare] of cases) {
    answers = [broken];
    await prepare();
    assert.deepEqual(await load('http://one/a.m4s'), SEGMENT, what);
  }
  for (const [url, status] of [
    ['http://one/a.mpd', 200],
    ['http://one/c.m4s', 404],
  ] as const) {
    answers = [
      { ...broken, status },
      { bytes: SEGMENT, status },
    ];
    await load(url);
    assert.deepEqual(await load(url), SEGMENT);
  }
});

test('of the last few segments alone it is known what came', async () => {
  pieceBytes = 64;
  const names = ['d', 'e', 'f', 'g', 'h'];
  answers = names.map(() => ({ bytes: SEGMENT.subarray(0, -1), breaksOff: true }));
  for (const name of names) await load(`http://one/${name}.m4s`);
  assert.equal((await load('http://one/e.m4s')).length, SEGMENT.length - wholeOf(SEGMENT.length - 1));
  assert.equal((await load('http://one/d.m4s')).length, SEGMENT.length);
});
