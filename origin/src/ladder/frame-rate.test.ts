import assert from 'node:assert/strict';
import { test } from 'node:test';
import { believedFrameRate, standardFrameRate } from './frame-rate.ts';

test('frame rates become the nearest usual one, from 1 to 60', () => {
  const cases: [number | null, string][] = [
    [null, '30/1'],
    [29.97, '30000/1001'],
    [29.970_029, '30000/1001'],
    [30, '30/1'],
    [23.976, '24000/1001'],
    [25.01, '25/1'],
    [59.94, '60000/1001'],
    [120, '60/1'],
    [9.4, '9/1'],
    [7.5, '15/2'],
    [5, '5/1'],
    [1, '1/1'],
    [0.2, '1/1'],
    [0, '30/1'],
    [NaN, '30/1'],
    [Infinity, '30/1'],
    [-5, '30/1'],
  ];
  for (const [announced, expected] of cases)
    assert.equal(standardFrameRate(announced).join('/'), expected, String(announced));
});

test('an announcement counts unless the frames that came are closer together', () => {
  assert.equal(believedFrameRate([5], []), 5);
  assert.equal(believedFrameRate([5], [0]), 5);
  assert.equal(believedFrameRate([5], [0, 200, 400]), 5);
  assert.equal(believedFrameRate([5], [0, 33, 66]), null);
  // In decode order.
  assert.equal(believedFrameRate([30], [0, 100, 33, 66]), 30);
  assert.equal(believedFrameRate([24], [0, 10, 83]), 24);
  assert.equal(believedFrameRate([1, 30], [0, 33]), 30);
  assert.equal(believedFrameRate([undefined, null, true, 0, NaN, 25], [0, 40]), 25);
  assert.equal(believedFrameRate([undefined, null], []), null);
});
