import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Resource, formatTarget, parseTarget } from './target.ts';

const EPOCH = 'abcdef0123456789';

const BOTH_WAYS: readonly (readonly [string, Resource])[] = [
  ['master.m3u8', { kind: 'multivariant', flavour: 'low-latency' }],
  ['classic.m3u8', { kind: 'multivariant', flavour: 'classic' }],
  ['ts.m3u8', { kind: 'multivariant', flavour: 'ts' }],
  ['manifest.mpd', { kind: 'mpd' }],
  ['v720/media.m3u8', { kind: 'playlist', track: 'v720', flavour: 'low-latency' }],
  ['v720/classic.m3u8', { kind: 'playlist', track: 'v720', flavour: 'classic' }],
  ['a0/ts.m3u8', { kind: 'playlist', track: 'a0', flavour: 'ts' }],
  [`a0/${EPOCH}/init.mp4`, { kind: 'init', track: 'a0', epoch: EPOCH }],
  [`v720/${EPOCH}/0.m4s`, { kind: 'segment', track: 'v720', epoch: EPOCH, number: 0 }],
  [`v720/${EPOCH}/897654321.m4s`, { kind: 'segment', track: 'v720', epoch: EPOCH, number: 897654321 }],
  [`v720/${EPOCH}/897654321.ts`, { kind: 'ts', track: 'v720', epoch: EPOCH, number: 897654321 }],
  [`v720/${EPOCH}/897654321.0.m4s`, { kind: 'part', track: 'v720', epoch: EPOCH, number: 897654321, part: 0 }],
  [`v720/${EPOCH}/7.12.m4s`, { kind: 'part', track: 'v720', epoch: EPOCH, number: 7, part: 12 }],
];

test('every name reads and writes, with a token and without', () => {
  for (const [file, resource] of BOTH_WAYS) {
    for (const token of [null, 'a.B_c-~9']) {
      const path = formatTarget({ stream: 'Show_1', resource, token });
      assert.equal(path, `${token === null ? '' : `/t/${token}`}/live/Show_1/${file}`);
      const target = parseTarget(`${path}?_HLS_msn=3`);
      assert.deepEqual(target, {
        stream: 'Show_1',
        resource,
        key: `Show_1/${file}`,
        token,
        query: '_HLS_msn=3',
      });
    }
  }
});

test('the session token as a path parameter is no part of the key', () => {
  const target = parseTarget('/live/show/master.m3u8;URISigningPackage=aa.bb.cc?x=1');
  assert.equal(target?.key, 'show/master.m3u8');
  assert.equal(target.query, 'x=1');
});

test('whatever stands for the token, it is read as one, so that it can be refused', () => {
  for (const token of ['', '%2e%2e', '..', 'x'.repeat(5_000), ';URISigningPackage=x', '\u00ff']) {
    assert.equal(parseTarget(`/t/${token}/live/show/master.m3u8`)?.token, token);
  }
});

test('path tricks are refused', () => {
  const refused = [
    '',
    '*',
    'http://edge/live/show/master.m3u8',
    '/',
    '/live',
    '/live/',
    '/live/show',
    '/live/show/',
    '/live//master.m3u8',
    '//live/show/master.m3u8',
    '/LIVE/show/master.m3u8',
    '/live/show/master.m3u8/',
    '/live/show/MASTER.m3u8',
    '/live/show/master%2em3u8',
    '/live/show/./master.m3u8',
    '/live/show/../show/master.m3u8',
    '/live/../live/show/master.m3u8',
    '/live/show/%2e%2e/master.m3u8',
    '/live/show\\master.m3u8',
    '/live/sh%6Fw/master.m3u8',
    '/live/show/master.m3u8%00',
    '/live/-show/master.m3u8',
    `/live/${'s'.repeat(65)}/master.m3u8`,
    '/live/show/master.m3u8;x=1',
    '/live/show;x/master.m3u8',
    '/live/show/V720/media.m3u8',
    '/live/show/v720/master.m3u8',
    '/live/show/media.m3u8',
    `/live/show/v720/${EPOCH}`,
    `/live/show/v720/${EPOCH}/`,
    `/live/show/v720/${EPOCH}/init.mp4/x`,
    `/live/show/v720/${EPOCH}/init.mp4/x/y/z`,
    `/live/show/v720/${EPOCH}/1`,
    `/live/show/v720/${EPOCH}/01.m4s`,
    `/live/show/v720/${EPOCH}/1.02.m4s`,
    `/live/show/v720/${EPOCH}/1.2.ts`,
    `/live/show/v720/${EPOCH}/1.2.3.m4s`,
    `/live/show/v720/${EPOCH}/-1.m4s`,
    `/live/show/v720/${EPOCH}/+1.m4s`,
    `/live/show/v720/${EPOCH}/1e3.m4s`,
    `/live/show/v720/${EPOCH}/0x10.m4s`,
    `/live/show/v720/${EPOCH}/1.m4s\n`,
    `/live/show/v720/${EPOCH}/1234567890123456.m4s`,
    `/live/show/v720/${EPOCH}/1.12345.m4s`,
    `/live/show/v720/EPOCH/1.m4s`,
    '/t/token',
    '/t/token/',
    '/t/token/live',
    '/t/token/vod/show/master.m3u8',
    '/t/a/b/live/show/master.m3u8',
    '/t//live//show/master.m3u8',
    '/t/token/live/show/../../etc/passwd',
    '/cmaf/show/timeline',
  ];
  for (const url of refused) assert.equal(parseTarget(url), null, JSON.stringify(url));
});
