import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, feedOf, mint, startRig, until } from './edge-rig.ts';
import { FIRST_NUMBER, PARTS, makeMedia } from './fake-media.ts';
import { FakeOrigin } from './fake-origin.ts';

test('what players say is counted, in the query and in fields, and makes no other object of what they ask for', async () => {
  await using origin = await FakeOrigin.start(makeMedia(2));
  origin.advance(2 * PARTS);
  await using edge = await startRig(feedOf(origin.url));
  const path = `/t/${mint('show')}/live/show/v180/epoch0000/${FIRST_NUMBER}.m4s`;
  const first = await ask(edge, `${path}?CMCD=${encodeURIComponent('bl=1500,bs,sf=h,sid="session-a",nor="../../x"')}`);
  const headers = {
    'cmcd-request': 'bl=(3000;v 9000;a)',
    'cmcd-session': 'sf=d,v=2,sid="session-b"',
    'cmcd-status': 'rtp=(1)',
  };
  const second = await ask(edge, path, { headers });
  await ask(edge, `${path}?CMCD=%%%`);
  await ask(edge, `/t/bad/live/show/v180/epoch0000/${FIRST_NUMBER}.m4s?CMCD=bs`);
  assert.match(String(first.headers['cache-status']), /fwd=uri-miss/);
  assert.match(String(second.headers['cache-status']), /; hit$/);
  assert.ok(first.body.equals(second.body));
  await until(edge, /headwater_edge_player_reports_total\{format="h"\} 1\n/);
  const { text } = await ask({ port: edge.adminPort }, '/metrics');
  assert.match(text, /player_reports_total\{format="d"\} 1\n/);
  assert.match(
    text,
    /player_reports_total\{format="o"\} 0\n/,
    'what cannot be read, or whose viewer is refused, is no report',
  );
  assert.match(text, /player_starvations_total\{format="h"\} 1\n/);
  assert.match(text, /player_starvations_total\{format="d"\} 0\n/);
  assert.match(text, /player_buffer_seconds_bucket\{le="2"\} 1\n/);
  assert.match(text, /player_buffer_seconds_count 3\n/);
  assert.doesNotMatch(text, /session-/, 'nobody is named');
});
