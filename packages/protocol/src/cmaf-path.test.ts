import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CmafPath, formatCmafPath, parseCmafPath } from './cmaf-path.ts';

const EPOCH = '0mu5k2x9f00c0ffee01';

const PATHS: readonly (readonly [string, CmafPath])[] = [
  ['/cmaf/show/timeline', { kind: 'timeline', stream: 'show' }],
  [`/cmaf/show/v720/${EPOCH}/init`, { kind: 'init', stream: 'show', track: 'v720', epoch: EPOCH }],
  [
    `/cmaf/show/v720/${EPOCH}/890000000`,
    { kind: 'segment', stream: 'show', track: 'v720', epoch: EPOCH, number: 890_000_000 },
  ],
  [`/cmaf/show/a0/${EPOCH}/7.0`, { kind: 'part', stream: 'show', track: 'a0', epoch: EPOCH, number: 7, part: 0 }],
];

test('every path is written and read the same', () => {
  for (const [text, path] of PATHS) {
    assert.equal(formatCmafPath(path), text);
    assert.deepEqual(parseCmafPath(text), path);
  }
});

test('an object has one name only, and nothing else is read', () => {
  const refused = [
    '',
    '/',
    '/cmaf',
    '/cmaf/show',
    '/cmaf/show/timeline/',
    '/cmaf/../timeline',
    '/cmaf/show/timeline/x',
    `/cmaf/show/V720/${EPOCH}/1`,
    `/cmaf/show/v720/${EPOCH}/01`,
    `/cmaf/show/v720/${EPOCH}/1.01`,
    `/cmaf/show/v720/${EPOCH}/1.`,
    `/cmaf/show/v720/${EPOCH}/-1`,
    `/cmaf/show/v720/${EPOCH}/1e3`,
    `/cmaf/show/v720/${EPOCH}/9999999999999999`,
    `/cmaf/show/v720/${EPOCH}/1/`,
    '/cmaf/show/v720/short/1',
    `/cmaf/sh%6fw/v720/${EPOCH}/1`,
    `//cmaf/show/v720/${EPOCH}/1`,
  ];
  for (const text of refused) assert.equal(parseCmafPath(text), null, text);
});
