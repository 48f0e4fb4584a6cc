/** Hostile RTMP: hand-made inputs and mutations of valid sessions, all drawn from one seed. */

import {
  C0_C1,
  C2,
  amf0,
  audio,
  basicHeader,
  command,
  connectCommand,
  control,
  message,
  prepareCommands,
  publishCommand,
  video,
} from '@headwater/origin/src/rtmp/raw-rtmp.ts';

export const GOOD_STREAM = 'good';
/** Stands in every frame of a publisher that is refused, so that one which is accepted all the same shows. */
export const MARK = 'frame of a refused publisher';

/** What the process under abuse tells of itself. */
export interface TargetReport {
  readonly asked: number;
  readonly accepted: number;
  readonly hostilePackets: number;
  readonly refusedPackets: number;
  readonly goodPackets: number;
  readonly goodHash: string;
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
}

/** What an input may know: keys that the control plane has given out. */
export interface Keys {
  readonly good: string;
  /** by the streams that hostile publishers are let in to */
  readonly hostile: ReadonlyMap<string, string>;
}

/** Bytes, and the answer that is waited for before the next ones go out. */
export interface Step {
  readonly bytes: Buffer;
  readonly until: string | null;
}

export interface AbuseInput {
  /** names what it does, for the message when it does harm */
  readonly name: string;
  readonly secure: boolean;
  readonly steps: readonly Step[];
  /** `end` says goodbye, `reset` drops the line, `hang` waits for the server to cut it */
  readonly finish: 'end' | 'reset' | 'hang';
}

export const CONNECTED = 'NetConnection.Connect.Success';
export const PUBLISHED = 'NetStream.Publish.Start';

/** Uniform in [0, 1): mulberry32. */
export type Random = () => number;

export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

function pick<T>(random: Random, choices: readonly T[]): T {
  return choices[below(random, choices.length)] as T;
}

function bytes(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => below(random, 256)));
}

/** A frame that says whose it is. */
function frame(accepted: boolean, length = 400): Buffer {
  const body = Buffer.alloc(length, accepted ? 'frame of a publisher; ' : `${MARK}; `);
  body.set([0x27, 1, 0, 0, 0]);
  return message({ type: 9, body, chunkStream: 6 });
}

/** Of 64×64 H.264: with it an encoder is started on whatever comes behind. */
const AVC_HEADER = Buffer.from(
  '17000000000142c00affe100166742c00ada109b011000000300100000030148f1226a01000468ce0fc8',
  'hex',
);

/** A slice of noise. */
function slice(random: Random, accepted: boolean, isKey: boolean): Buffer {
  const noise = Buffer.concat([bytes(random, 200), Buffer.from(accepted ? '' : MARK)]);
  const body = Buffer.concat([Buffer.of(isKey ? 0x17 : 0x27, 1, 0, 0, 0, 0, 0, 0, 0, isKey ? 0x65 : 0x41), noise]);
  body.writeUInt32BE(1 + noise.length, 5);
  return body;
}

/** One hostile thing to say, given whether we are an accepted publisher. */
type Attack = (random: Random, accepted: boolean, keys: Keys) => Buffer;

const ATTACKS: Readonly<Record<string, Attack>> = {
  noise: (random) => bytes(random, 1 + below(random, 3_000)),
  'too many chunk streams': () =>
    Buffer.concat(
      Array.from({ length: 40 }, (_, id) => message({ type: 3, body: Buffer.alloc(4), chunkStream: id + 3 })),
    ),
  'many unfinished messages': (_, accepted) =>
    Buffer.concat(
      Array.from({ length: 14 }, (_, id) =>
        message({ type: accepted ? 9 : 20, body: Buffer.alloc(128), chunkStream: id + 3, claimedBytes: 16_000 }),
      ),
    ),
  'a message over its limit': (random) =>
    message({ type: pick(random, [1, 4, 8, 9, 18, 20]), body: Buffer.alloc(200), claimedBytes: 0xffffff }),
  'a great frame that never ends': (random) =>
    message({
      type: 9,
      body: Buffer.alloc(40_000),
      chunkStream: 6,
      claimedBytes: 1_000_000 + below(random, 7_000_000),
    }),
  'a chunk size out of bounds': (random) => control(1, pick(random, [0, 1, 127, 0x1000001, 0x7fffffff, 0xffffffff])),
  'a chunk size inside a message': (random, accepted) =>
    Buffer.concat([frame(accepted).subarray(0, 140), control(1, 4096 + below(random, 4096)), frame(accepted)]),
  'a header inside a message': (random, accepted) =>
    Buffer.concat([frame(accepted).subarray(0, 140), basicHeader(below(random, 3), 6), bytes(random, 300)]),
  'a delta for a stream that has no length': (random) =>
    Buffer.concat([basicHeader(2 + below(random, 2), 30), bytes(random, 300)]),
  'a type that is none': (random) =>
    message({ type: pick(random, [0, 7, 10, 16, 19, 22, 255]), body: bytes(random, 50) }),
  'a command of noise': (random) => message({ type: pick(random, [17, 20]), body: bytes(random, below(random, 400)) }),
  'deep nesting': () =>
    message({ type: 20, body: Buffer.concat([amf0('connect', 1), Buffer.alloc(15_000, Buffer.of(10, 0, 0, 0, 1))]) }),
  'an endless array': () =>
    message({ type: 20, body: Buffer.concat([amf0('publish', 1), Buffer.of(10, 255, 255, 255, 255, 5, 5)]) }),
  'a prototype for a name': () =>
    Buffer.concat([command(['__proto__', 1]), command(['publish', 1, { __proto__: null, toString: 1 }])]),
  'a flood of streams': () => Buffer.concat(Array.from({ length: 300 }, () => command(['createStream', 1, null]))),
  'a flood of pings': () => {
    const ping = message({ type: 4, body: Buffer.of(0, 6, 0, 0, 0, 0), chunkStream: 2, streamId: 0 });
    return Buffer.concat(Array.from({ length: 5_000 }, () => ping));
  },
  'acknowledgements of every byte': (_, accepted) =>
    Buffer.concat([control(5, 1), ...Array.from({ length: 50 }, () => frame(accepted))]),
  'short control messages': (random) =>
    message({ type: pick(random, [1, 2, 4, 5]), body: Buffer.alloc(below(random, 4)) }),
  play: () => command(['play', 3, null, GOOD_STREAM], 1),
  'a second connect': () => connectCommand(),
  'a second publish': (_random, _accepted, { good }) => publishCommand(`${GOOD_STREAM}?key=${good}`),
  'frames without leave': (random, accepted) =>
    Buffer.concat(Array.from({ length: 1 + below(random, 20) }, () => frame(accepted, 20 + below(random, 2_000)))),
  'a publish with a wrong key': (random, accepted) =>
    Buffer.concat([
      prepareCommands('x'),
      publishCommand(`${GOOD_STREAM}?key=no${random()}`),
      frame(accepted),
      frame(accepted),
    ]),
  'a publish of no stream': (random, accepted) =>
    Buffer.concat([prepareCommands('x'), publishCommand(`../${'x'.repeat(below(random, 9_000))}`), frame(accepted)]),
  'a picture of noise': (random, accepted) =>
    Buffer.concat([
      message({ type: 9, body: AVC_HEADER, chunkStream: 6 }),
      ...Array.from({ length: 30 }, (_, index) =>
        message({ type: 9, body: slice(random, accepted, index === 0), chunkStream: 6, timestamp: 33 * index }),
      ),
    ]),
  'times that jump': (random, accepted) => {
    const body = Buffer.alloc(60, accepted ? 'jump' : MARK);
    const at = () => message({ type: 8, body, chunkStream: 4, timestamp: below(random, 2 ** 32) });
    return Buffer.concat(Array.from({ length: 30 }, at));
  },
  'an abort of everything': (random, accepted) =>
    Buffer.concat([
      frame(accepted).subarray(0, 140),
      ...Array.from({ length: 70 }, (_, id) => control(2, id)),
      bytes(random, 99),
    ]),
  'empty messages': () =>
    Buffer.concat([8, 9, 18, 20].map((type) => message({ type, body: Buffer.alloc(0) })).concat(control(5, 0))),
  'a mutated session': (random, accepted) => mutate(random, validRest(random, accepted)),
};

/** What a publisher sends from its place in a session on, valid. */
function validRest(random: Random, accepted: boolean): Buffer {
  const start = accepted ? [] : [prepareCommands('mutant'), publishCommand('mutant?key=wrong')];
  const media = Array.from({ length: 12 }, (_, index) =>
    index % 3 === 0
      ? frame(accepted, 30 + below(random, 600))
      : message({ type: 8, body: Buffer.alloc(40, accepted ? 'a' : MARK), chunkStream: 4, timestamp: index * 20 }),
  );
  const goodbye = [command(['FCUnpublish', 6, null, 'mutant']), command(['deleteStream', 7, null, 1])];
  return Buffer.concat([
    ...start,
    control(5, 5_000),
    message({ type: 18, body: amf0('@setDataFrame', 'onMetaData', { width: 64 }) }),
    ...media,
    ...goodbye,
  ]);
}

/** Flips, cuts out, repeats or puts in a few bytes. */
function mutate(random: Random, original: Buffer): Buffer {
  let mutant = Buffer.from(original);
  for (let left = 1 + below(random, 8); left > 0; left -= 1) {
    const at = below(random, mutant.length);
    const until = at + 1 + below(random, 40);
    switch (below(random, 4)) {
      case 0:
        mutant[at] = below(random, 256);
        break;
      case 1:
        mutant = Buffer.concat([mutant.subarray(0, at), mutant.subarray(until)]);
        break;
      case 2:
        mutant = Buffer.concat([mutant.subarray(0, until), mutant.subarray(at)]);
        break;
      default:
        mutant = Buffer.concat([mutant.subarray(0, at), bytes(random, until - at), mutant.subarray(at)]);
    }
  }
  return mutant;
}

/** What never gets as far as an accepted connect. */
const EARLY: Readonly<Record<string, Attack>> = {
  nothing: () => Buffer.alloc(0),
  HTTP: () => Buffer.from('GET / HTTP/1.1\r\nHost: origin\r\n\r\n'),
  'TLS on the plain port': () => Buffer.from('16030100c8010000c40303', 'hex'),
  noise: (random) => bytes(random, 1 + below(random, 5_000)),
  'half a handshake': (random) => C0_C1.subarray(0, 1 + below(random, 1_536)),
  'a handshake of noise': (random) => Buffer.concat([Buffer.of(3), bytes(random, 1_536 + below(random, 3_000))]),
  'a handshake and noise': (random) => Buffer.concat([C0_C1, C2, bytes(random, below(random, 2_000))]),
  'frames at once': () => Buffer.concat([C0_C1, C2, frame(false), audio(40), video(4_000)]),
  'publish without connect': (_random, _accepted, { good }) =>
    Buffer.concat([C0_C1, C2, publishCommand(`${GOOD_STREAM}?key=${good}`), frame(false)]),
  'an unknown application': () => Buffer.concat([C0_C1, C2, connectCommand('vod'), frame(false)]),
  'a connect of garbage': (random) => Buffer.concat([C0_C1, C2, mutate(random, connectCommand())]),
};

const HANDSHAKE: Step = { bytes: Buffer.concat([C0_C1, C2]), until: null };
const CONNECT: Step = { bytes: connectCommand(), until: CONNECTED };

/** How many inputs of each hundred stop before connect, after it, and after an accepted publish: the rest. */
const EARLY_PERCENT = 35;
const CONNECTED_PERCENT = 45;
const HANG_PERCENT = 2;

/** The next input. Early ones may come by TLS too: as noise to its port, never by a handshake, which would cost too much. */
export function nextInput(random: Random, keys: Keys): AbuseInput {
  const finish = random() * 100 < HANG_PERCENT ? 'hang' : pick(random, ['end', 'reset'] as const);
  const depth = below(random, 100);
  if (depth < EARLY_PERCENT) {
    const name = pick(random, Object.keys(EARLY));
    const last = { bytes: (EARLY[name] as Attack)(random, false, keys), until: null };
    return { name: `early: ${name}`, secure: below(random, 5) === 0, steps: split(random, last), finish };
  }
  const name = pick(random, Object.keys(ATTACKS));
  const attack = ATTACKS[name] as Attack;
  if (depth < EARLY_PERCENT + CONNECTED_PERCENT) {
    const steps = [HANDSHAKE, CONNECT, ...split(random, { bytes: attack(random, false, keys), until: null })];
    return { name: `connected: ${name}`, secure: false, steps, finish };
  }
  const [stream, key] = pick(random, [...keys.hostile]);
  const publish = {
    bytes: Buffer.concat([prepareCommands(stream), publishCommand(`${stream}?key=${key}`)]),
    until: PUBLISHED,
  };
  const steps = [HANDSHAKE, CONNECT, publish, ...split(random, { bytes: attack(random, true, keys), until: null })];
  return { name: `publishing: ${name}`, secure: false, steps, finish };
}

/** Sends in one to three pieces, so that reads end anywhere. */
function split(random: Random, step: Step): Step[] {
  const cuts = [below(random, step.bytes.length + 1), below(random, step.bytes.length + 1)].sort((a, b) => a - b);
  const [first = 0, second = 0] = cuts;
  return [step.bytes.subarray(0, first), step.bytes.subarray(first, second), step.bytes.subarray(second)].map(
    (bytes) => ({
      bytes,
      until: step.until,
    }),
  );
}
