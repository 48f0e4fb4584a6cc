import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { AAC, AUDIO_INPUT, decodeErrors, H264, join, VIDEO_INPUT } from '../../fixtures/ffmpeg.ts';
import { decodeErrorsOfEach, frameHashes, packetTimes } from '../../fixtures/frames.ts';
import { cutTrack, encodeTrack, trackFile, type CutTrack, type EncodedTrack } from '../../fixtures/segments.ts';
import { readPackets, readPes } from '../../fixtures/transport.ts';
import { MediaError } from '../media-error.ts';
import { writeFragment } from '../mp4/fragment.ts';
import { MAX_TS_SEGMENT_BYTES, muxSegment } from './mux.ts';

const SEGMENT_S = 2;
const SEGMENTS = 12;
const DURATION = ['-t', String(SEGMENT_S * SEGMENTS)];
const NOW_S = 1_790_000_000;
/** 33 bits of 90 kHz wrap 18,755 times until here, the last time in the sixth segment. */
const WRAP_S = Math.floor((18_755 * 2 ** 33) / 90_000 / SEGMENT_S) * SEGMENT_S - 5 * SEGMENT_S;

interface Source {
  readonly plain: EncodedTrack;
  readonly reordered: EncodedTrack;
  readonly audio: EncodedTrack;
}

let source: Source;
before(() => {
  source = {
    plain: encodeTrack([...VIDEO_INPUT, ...DURATION, ...H264, '-tune', 'zerolatency']),
    reordered: encodeTrack([...VIDEO_INPUT, ...DURATION, ...H264, '-bf', '3', '-x264-params', 'b-pyramid=normal']),
    audio: encodeTrack([...AUDIO_INPUT, ...DURATION, ...AAC]),
  };
});

interface Case {
  readonly name: string;
  readonly video?: 'plain' | 'reordered';
  readonly audio?: true;
  readonly shiftSeconds: number;
}

const CASES: readonly Case[] = [
  { name: 'muxed', video: 'plain', audio: true, shiftSeconds: NOW_S },
  { name: 'muxed with B-frames', video: 'reordered', audio: true, shiftSeconds: NOW_S },
  { name: 'video only', video: 'plain', shiftSeconds: NOW_S },
  { name: 'video only with B-frames', video: 'reordered', shiftSeconds: NOW_S },
  { name: 'audio only', audio: true, shiftSeconds: NOW_S },
  { name: 'over the wrap', video: 'plain', audio: true, shiftSeconds: WRAP_S },
  { name: 'over the wrap with B-frames', video: 'reordered', audio: true, shiftSeconds: WRAP_S },
  { name: 'audio only over the wrap', audio: true, shiftSeconds: WRAP_S },
];

interface Muxed {
  readonly video: CutTrack | undefined;
  readonly audio: CutTrack | undefined;
  readonly segments: readonly Uint8Array[];
}

function muxCase({ video, audio, shiftSeconds }: Omit<Case, 'name'>): Muxed {
  const cutVideo = video === undefined ? undefined : cutTrack(source[video], SEGMENT_S, shiftSeconds);
  const cutAudio = audio === undefined ? undefined : cutTrack(source.audio, SEGMENT_S, shiftSeconds);
  const segments = Array.from({ length: SEGMENTS }, (_, index) =>
    muxSegment({ video: input(cutVideo, index), audio: input(cutAudio, index) }),
  );
  return { video: cutVideo, audio: cutAudio, segments };
}

function input(track: CutTrack | undefined, index: number) {
  const segment = track?.segments[index];
  return track === undefined || segment === undefined ? undefined : { init: track.init, segment };
}

/** The track's first segments: the audio's encoder delay makes one more of it than the others have. */
function shown({ init, segments }: CutTrack): CutTrack {
  return { init, segments: segments.slice(0, SEGMENTS) };
}

/** Times as steps, so that another origin of time makes no difference. @param wrap of the clock, for times that went over it */
function steps(times: readonly number[], wrap = 0): number[] {
  return times.slice(1).map((time, index) => {
    const step = time - (times[index] ?? 0);
    return step < -wrap / 2 ? step + wrap : step;
  });
}

for (const found of CASES) {
  describe(found.name, () => {
    let muxed: Muxed;
    before(() => {
      muxed = muxCase(found);
    });

    test('ffmpeg decodes each segment alone and all joined without a line of error', () => {
      assert.equal(decodeErrorsOfEach(muxed.segments), '');
      assert.equal(decodeErrors(join(muxed.segments)), '');
      assert.equal(decodeErrors(join(muxed.segments.slice(5, 7))), '');
    });

    test('the decoded frames are those of the CMAF', () => {
      const joined = join(muxed.segments);
      for (const kind of ['video', 'audio'] as const) {
        const track = muxed[kind];
        if (track === undefined) continue;
        const hashes = frameHashes(joined, kind);
        assert.ok(hashes.length > 500);
        assert.deepEqual(hashes, frameHashes(trackFile(shown(track)), kind));
      }
    });

    test('packets have the times of the CMAF', () => {
      const joined = join(muxed.segments);
      for (const kind of ['video', 'audio'] as const) {
        const track = muxed[kind];
        if (track === undefined) continue;
        const times = packetTimes(joined, kind);
        const expected = packetTimes(trackFile(shown(track)), kind);
        const scale = 90_000 / track.init.timescale;
        assert.deepEqual(
          steps(times.pts, 2 ** 33),
          steps(expected.pts).map((step) => step * scale),
        );
        assert.deepEqual(
          steps(times.dts, 2 ** 33),
          steps(expected.dts).map((step) => step * scale),
        );
      }
    });

    test('every segment begins with the tables and at continuity 0, and each PID ends at 15', () => {
      for (const segment of muxed.segments) {
        const packets = readPackets(segment);
        assert.deepEqual(
          packets.slice(0, 2).map((packet) => packet.pid),
          [0, 0x1000],
        );
        const counters = new Map<number, number>();
        for (const { pid, continuity } of packets) {
          assert.equal(continuity, ((counters.get(pid) ?? -1) + 1) % 16, `PID ${pid}`);
          counters.set(pid, continuity);
        }
        const media = [...(found.video === undefined ? [] : [0x100]), ...(found.audio === undefined ? [] : [0x101])];
        assert.deepEqual(
          [...counters.keys()].sort((a, b) => a - b),
          [0, ...media, 0x1000].sort((a, b) => a - b),
        );
        assert.ok([...counters.values()].every((last) => last === 15));
      }
    });

    test('the clock is 100 ms behind decoding, at most 100 ms apart, and goes on over joins', () => {
      const pid = found.video === undefined ? 0x101 : 0x100;
      const units = readPes(readPackets(join(muxed.segments)), pid);
      const clock: number[] = [];
      for (const unit of units) {
        assert.ok(unit.pcr !== undefined);
        assert.equal((unit.dts - unit.pcr + 2 ** 33) % 2 ** 33, 9000);
        clock.push(unit.pcr);
      }
      assert.ok(steps(clock, 2 ** 33).every((step) => step > 0 && step <= 9000));
      assert.equal(units[0]?.randomAccess, true);
    });
  });
}

test('the wrap is really crossed', () => {
  const { segments } = muxCase({ video: 'plain', shiftSeconds: WRAP_S });
  const pts = readPes(readPackets(join(segments)), 0x100).map((unit) => unit.pts);
  assert.equal(pts.filter((time, index) => index > 0 && time < (pts[index - 1] ?? 0)).length, 1);
});

test('equal input gives equal bytes', () => {
  const [first, second] = [0, 1].map(() =>
    join(muxCase({ video: 'reordered', audio: true, shiftSeconds: NOW_S }).segments),
  );
  assert.deepEqual(first, second);
});

function throwsCode(run: () => unknown, code: string): void {
  assert.throws(run, (error) => error instanceof MediaError && error.code === code);
}

test('what cannot be muxed is an error with a code', () => {
  const video = cutTrack(source.plain, SEGMENT_S);
  const audio = cutTrack(source.audio, SEGMENT_S);
  const nothing = new Uint8Array(0);
  const first = (track: CutTrack) => ({ init: track.init, segment: track.segments[0] ?? nothing });
  throwsCode(() => muxSegment({}), 'samples_missing');
  throwsCode(
    () => muxSegment({ video: { init: video.init, segment: nothing }, audio: first(audio) }),
    'samples_missing',
  );
  throwsCode(() => muxSegment({ audio: { init: audio.init, segment: nothing } }), 'samples_missing');
  throwsCode(() => muxSegment({ video: first(audio) }), 'codec_unsupported');
  throwsCode(() => muxSegment({ audio: first(video) }), 'codec_unsupported');
  throwsCode(
    () => muxSegment({ video: { ...first(video), segment: first(video).segment.subarray(0, -1) } }),
    'box_truncated',
  );
});

test('the tables stand together, sixteen times, with as much of the segment between them', () => {
  const { segments } = muxCase({ video: 'plain', audio: true, shiftSeconds: NOW_S });
  for (const segment of segments) {
    const packets = readPackets(segment);
    const tables = packets.flatMap(({ pid }, index) => (pid === 0 ? [index] : []));
    assert.equal(tables.length, 16);
    assert.ok(tables.every((index) => packets[index + 1]?.pid === 0x1000));
    const unitsOf = (from: number, to: number): number =>
      packets.slice(from, to).filter(({ start }) => start).length - 2;
    const between = tables.map((index, table) => unitsOf(index, tables[table + 1] ?? packets.length));
    const units = between.reduce((sum, count) => sum + count, 0);
    assert.ok(units > 60);
    assert.ok(Math.min(...between) >= Math.floor(units / 16), between.join());
    assert.ok(Math.max(...between) <= Math.ceil(units / 16), between.join());
  }
});

test('a segment whose audio is missing keeps the shape of the program', () => {
  const video = cutTrack(source.plain, SEGMENT_S);
  const audio = cutTrack(source.audio, SEGMENT_S);
  const [segment = new Uint8Array(0)] = video.segments;
  const muxed = muxSegment({
    video: { init: video.init, segment },
    audio: { init: audio.init, segment: new Uint8Array(0) },
  });
  const both = muxSegment({ video: { init: video.init, segment }, audio: input(audio, 0) });
  assert.deepEqual(muxed.subarray(0, 376), both.subarray(0, 376));
  assert.ok(readPackets(muxed).every((packet) => packet.pid !== 0x101));
});

test('a segment of one short frame is still whole sixteens', () => {
  const { init } = source.plain;
  const frame = { dtsTicks: 0, ptsTicks: 0, durationTicks: 512, sync: false, data: Uint8Array.of(0, 0, 0, 1, 0x41) };
  const muxed = muxSegment({
    video: { init, segment: writeFragment({ sequence: 1, trackId: init.trackId, samples: [frame] }) },
  });
  assert.equal(muxed.length, 48 * 188);
  const [unit] = readPes(readPackets(muxed), 0x100);
  assert.equal(Buffer.from(unit?.body ?? []).toString('hex'), '0000000109f00000000141');
});

test('a segment above the limit is refused before it is allocated', () => {
  const { init } = source.plain;
  const mux = (nalBytes: number): Uint8Array => {
    const data = Buffer.alloc(nalBytes + 4, 0x41);
    data.writeUInt32BE(nalBytes);
    const samples = [{ dtsTicks: 0, ptsTicks: 0, durationTicks: 512, sync: false, data }];
    return muxSegment({ video: { init, segment: writeFragment({ sequence: 1, trackId: init.trackId, samples }) } });
  };
  // Two tables in sixteens, then frames in sixteens: what a whole number of sixteens of packets can hold.
  const packets = Math.floor(MAX_TS_SEGMENT_BYTES / 188 / 16) * 16 - 32;
  const most = packets * 184 - 8 - 14 - 6 - 4;
  assert.equal(mux(most).length, (packets + 32) * 188);
  throwsCode(() => mux(most + 1), 'ts_size');
});

test('mutated segments give a segment or an error, never anything else', () => {
  const video = cutTrack(source.reordered, SEGMENT_S);
  const audio = cutTrack(source.audio, SEGMENT_S);
  const [videoSegment = new Uint8Array(0)] = video.segments;
  const [audioSegment = new Uint8Array(0)] = audio.segments;
  let seed = 0x9e37_79b9;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const mutate = (bytes: Uint8Array): Uint8Array => {
    const copy = bytes.slice(0, random(8) === 0 ? random(bytes.length) : bytes.length);
    // Most of the structure stands in front.
    for (let count = 1 + random(4); count > 0; count--) copy[random(random(2) === 0 ? 700 : copy.length)] = random(256);
    return copy;
  };
  const outcomes = { made: 0, refused: 0 };
  for (let round = 0; round < 3000; round++) {
    try {
      const muxed = muxSegment({
        video: { init: video.init, segment: mutate(videoSegment) },
        audio: { init: audio.init, segment: mutate(audioSegment) },
      });
      const packets = readPackets(muxed);
      for (const pid of [0x100, 0x101]) readPes(packets, pid);
      outcomes.made++;
    } catch (error) {
      assert.ok(error instanceof MediaError, String(error));
      outcomes.refused++;
    }
  }
  assert.ok(outcomes.made > 100 && outcomes.refused > 100, JSON.stringify(outcomes));
});
