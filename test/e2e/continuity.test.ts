/** `kill -9` of one service leaves the others serving, and it is started again: seen by readers that never stop. */

import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test, type TestContext } from 'node:test';
import { startCommand, type Command } from '../fleet/command.ts';
import { SegmentReader } from '../fleet/segment-reader.ts';
import { read } from '../fleet/stream-reader.ts';
import { until } from '../fleet/until.ts';

const UP_DEADLINE_MS = 40_000;
const AGAIN_DEADLINE_MS = 15_000;
/** From an origin's death to the next segment: the publisher has to notice, and to come back. */
const BACK_DEADLINE_MS = 25_000;
/** A player holds three segments of 2 s. */
const MOST_PAUSE_MS = 6_000;

suite('kill -9', () => {
  let command: Command;
  let readers: readonly SegmentReader[];
  let watchUrl: string;

  before(async () => {
    command = await startCommand();
    await command.child.says(/Headwater is up/, UP_DEADLINE_MS);
    watchUrl = (await command.child.says(/http:\/\/\S+\/watch\/demo\S*/, 1_000))[0];
    const path = await until('the door', 10_000, () => throughTheDoor(watchUrl));
    readers = [command.ports.edge, command.ports.edge + 1].map(
      (port) => new SegmentReader(`http://127.0.0.1:${port}${path}`),
    );
    await until('both readers to read', 15_000, () => readers.every(({ numbers }) => numbers.length >= 2));
  });
  beforeEach(() => assert.equal(command.child.exit, undefined, `the command ended:\n${command.child.output}`));
  after(async () => {
    await Promise.all((readers ?? []).map((reader) => reader[Symbol.asyncDispose]()));
    await command?.[Symbol.asyncDispose]();
  });

  /** Kills, waits for the successor, and returns how long it took. */
  const killOne = async (name: string, context: TestContext): Promise<void> => {
    const victim = command.members().find((member) => member.name === name);
    assert.ok(victim !== undefined, name);
    process.kill(victim.pid, 'SIGKILL');
    const killedMs = performance.now();
    await until(`${name} to be started again`, AGAIN_DEADLINE_MS, () =>
      command.members().some((member) => member.name === name && member.pid !== victim.pid),
    );
    context.diagnostic(`${name} was started again after ${Math.round(performance.now() - killedMs)} ms`);
  };
  const others = (...names: string[]): (() => void) => {
    const before = command.members().filter(({ name }) => name !== 'ffmpeg' && !names.includes(name));
    return () => {
      const now = new Set(command.members().map(({ pid }) => pid));
      for (const { name, pid } of before) assert.ok(now.has(pid), `${name} did not live through it`);
    };
  };

  test('control plane: both edges and the door go on as if nothing were', async (context) => {
    const check = others('control-plane');
    const marks = readers.map((reader) => reader.mark());
    await killOne('control-plane', context);
    assert.ok(await throughTheDoor(watchUrl), 'the door lets viewers in');
    for (const [index, reader] of readers.entries()) {
      const pauseMs = await reader.goesOn(marks[index] ?? 0, 'without a miss');
      context.diagnostic(`the longest pause of reader ${index + 1}: ${Math.round(pauseMs)} ms`);
      assert.ok(pauseMs <= MOST_PAUSE_MS, 'a buffer of three segments lasts over it');
    }
    check();
  });

  test('geo: those who play play on; the door opens again', async (context) => {
    const check = others('geo');
    const marks = readers.map((reader) => reader.mark());
    await killOne('geo', context);
    await until('the door', AGAIN_DEADLINE_MS, () => throughTheDoor(watchUrl));
    for (const [index, reader] of readers.entries()) {
      const pauseMs = await reader.goesOn(marks[index] ?? 0, 'without a miss');
      context.diagnostic(`the longest pause of reader ${index + 1}: ${Math.round(pauseMs)} ms`);
      assert.ok(pauseMs <= MOST_PAUSE_MS, 'a buffer of three segments lasts over it');
    }
    check();
  });

  test('an edge: the other goes on, and the first serves again', async (context) => {
    const check = others('edge-1');
    const [first, second] = readers;
    assert.ok(first !== undefined && second !== undefined);
    const mark = second.mark();
    await killOne('edge-1', context);
    const back = first.mark();
    await until('the first edge to serve again', AGAIN_DEADLINE_MS, () => first.numbers.length > back);
    await second.goesOn(mark, 'without a miss');
    assert.equal(first.missedSince(back).length, 0, 'a player finds all that it did not have yet');
    check();
  });

  test('the ladder: a killed ffmpeg is started again and nobody misses a number', async (context) => {
    const marks = readers.map((reader) => reader.mark());
    const members = command.members();
    const origin = members.find(({ name }) => name === 'origin');
    const ladder = members.find(({ name, parentPid }) => name.endsWith('ffmpeg') && parentPid === origin?.pid);
    assert.ok(ladder !== undefined, `an ffmpeg below the origin among ${JSON.stringify(members)}`);
    process.kill(ladder.pid, 'SIGKILL');
    for (const [index, reader] of readers.entries()) await reader.goesOn(marks[index] ?? 0, 'with gaps told');
    context.diagnostic(`epochs ${[...(readers[0]?.epochs ?? [])].join(', ')}`);
  });

  test('origin: numbers go on after one discontinuity, and no name is used twice', async (context) => {
    const check = others('origin');
    const marks = readers.map((reader) => reader.mark());
    const epochs = readers.map((reader) => new Set(reader.epochs));
    const killedMs = performance.now();
    await killOne('origin', context);
    for (const [index, reader] of readers.entries()) {
      const read = (count: number) => () =>
        reader.epochs.size > (epochs[index]?.size ?? 0) && reader.numbers.length > (marks[index] ?? 0) + count;
      await until('the picture to come back', BACK_DEADLINE_MS, read(0));
      context.diagnostic(`the first new segment after ${Math.round(performance.now() - killedMs)} ms`);
      await until('the picture to go on', BACK_DEADLINE_MS, read(3));
    }
    for (const [index, reader] of readers.entries()) {
      await reader.goesOn(marks[index] ?? 0, 'with gaps told');
      const fresh = [...reader.epochs].filter((epoch) => !epochs[index]?.has(epoch));
      assert.equal(fresh.length, 1, `one new epoch, not ${fresh.length}`);
    }
    check();
  });

  test('over all of it no name ever stood for two contents', () => {
    for (const reader of readers) {
      assert.deepEqual(reader.broken, []);
      assert.ok(reader.numbers.length > 10);
    }
  });
});

/** The path of a viewer at an edge, or null while the door is shut. */
async function throughTheDoor(watchUrl: string): Promise<string | null> {
  const url = new URL(watchUrl);
  url.pathname = '/live/demo/master.m3u8';
  const { status, headers } = await read(url);
  if (status !== 307) return null;
  return new URL(headers.get('location') ?? '', url).pathname.replace(/\/[^/]+$/, '');
}
