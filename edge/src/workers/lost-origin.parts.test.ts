/** The origin is lost to a node: all of its workers notice, not only the one that asks it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testRecord } from '@headwater/protocol/test-node';
import { ask, feedOf, mint } from '../edge-rig.ts';
import { FIRST_NUMBER, PARTS, makeMedia } from '../fake-media.ts';
import { FakeOrigin } from '../fake-origin.ts';
import { FaultyLink } from '../faulty-link.ts';
import { MANY, askOnMany, startNodeRig } from './node-rig.ts';

/** Noticed by the worker that asks, and then by those that ask it. */
const NOTICED_MS = 2_500;

test('whichever worker is asked, viewers are sent to a peer', async () => {
  await using origin = await FakeOrigin.start(makeMedia(4));
  origin.advance(2 * PARTS);
  await using link = await FaultyLink.to(origin.url);
  const peer = testRecord({ id: 'edge-2', url: 'http://peer.example' });
  await using node = await startNodeRig(feedOf(link.url, [{ type: 'node', node: peer }]));
  const root = `/t/${mint('show')}/live/show`;
  const playlist = `${root}/v180/media.m3u8`;
  const before = await askOnMany(node, playlist);
  assert.ok(before.every(({ status }) => status === 200));
  link.become('hangs');
  const lostMs = performance.now();
  const isSent = async (): Promise<boolean> => {
    const answers = await Promise.all(Array.from({ length: MANY }, () => ask(node, playlist)));
    return answers.every(({ status, headers }) => status === 302 && headers.location?.startsWith(peer.url) === true);
  };
  while (!(await isSent()));
  const tookMs = performance.now() - lostMs;
  assert.ok(tookMs < NOTICED_MS, `${tookMs} ms`);
  const media = await askOnMany(node, `${root}/v180/epoch0000/${FIRST_NUMBER + 1}.m4s`);
  assert.ok(media.every(({ status }) => status === 302));
  link.become('sound');
  while (!(await askOnMany(node, playlist)).every(({ status }) => status === 200));
});
