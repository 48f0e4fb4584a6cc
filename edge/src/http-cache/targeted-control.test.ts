import assert from 'node:assert/strict';
import { test } from 'node:test';
import { secondsOf } from './cache-control.ts';
import { controlOf } from './targeted-control.ts';

const CC = ['Cache-Control', 'max-age=60'];

function maxAge(...fields: string[]): number | null {
  return secondsOf(controlOf(fields).directives, 'max-age');
}

test('our own targeted field goes before that of all CDNs, and that before Cache-Control', () => {
  const cdn = ['CDN-Cache-Control', 'max-age=10'];
  assert.equal(maxAge(...CC), 60);
  assert.equal(maxAge(...CC, ...cdn), 10);
  assert.equal(maxAge(...CC, ...cdn, 'Headwater-CDN-Cache-Control', 'max-age=5'), 5);
  assert.equal(maxAge('CDN-Cache-Control', 'a', 'CDN-Cache-Control', 'max-age=3'), 3);
  assert.deepEqual([...controlOf([...CC, 'CDN-Cache-Control', 'no-store']).directives.keys()], ['no-store']);
});

test('a targeted field that is empty or no dictionary is ignored', () => {
  for (const value of ['', ' ', 'max-age=10, &&&&&', 'MaX-aGe=10', 'max-age =10', 'max-age= 10', 'max-age=1,', 'é']) {
    const control = controlOf([...CC, 'CDN-Cache-Control', value]);
    assert.equal(secondsOf(control.directives, 'max-age'), 60, value);
    assert.equal(control.isTargeted, false, value);
  }
  assert.equal(maxAge(...CC, 'Headwater-CDN-Cache-Control', '&', 'CDN-Cache-Control', 'max-age=10'), 10);
});

test('a targeted directive of another type is ignored, and the field is not', () => {
  for (const value of ['max-age="10000"', 'max-age=10.5', 'max-age', 'max-age=(1 2)', 'foo']) {
    const control = controlOf([...CC, 'CDN-Cache-Control', value]);
    assert.equal(secondsOf(control.directives, 'max-age'), null, value);
    assert.equal(control.isTargeted, true, value);
  }
  assert.equal(maxAge('CDN-Cache-Control', 'max-age=-1'), 0);
  assert.equal(maxAge('CDN-Cache-Control', 'max-age=99999999999'), 2 ** 31);
  assert.equal(maxAge('CDN-Cache-Control', 'max-age=1, max-age=2'), 2);
  assert.ok(!controlOf(['CDN-Cache-Control', 'no-store=?0']).directives.has('no-store'));
  assert.deepEqual(controlOf(['CDN-Cache-Control', 'private="a", no-cache=b']).directives.get('private'), ['a']);
});
