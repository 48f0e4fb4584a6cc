import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, httpUrl, integer, oneOf, port, text, place } from './env.ts';

function complains(read: () => unknown, about: RegExp): void {
  assert.throws(read, (error) => error instanceof ConfigError && about.test(error.message));
}

test('integers hold their limits, at the limit and one beyond', () => {
  const limits = { fallback: 5, min: 1, max: 9 };
  assert.equal(integer({}, 'N', limits), 5);
  assert.equal(integer({ N: '' }, 'N', limits), 5);
  assert.equal(integer({ N: '9' }, 'N', limits), 9);
  for (const bad of ['0', '10', '1.5', 'x', '1e1', ' 3', '0x3'])
    complains(() => integer({ N: bad }, 'N', limits), /^N: /);
  assert.equal(port({ P: '65535' }, 'P', 1), 65_535);
  complains(() => port({ P: '65536' }, 'P', 1), /^P: /);
});

test('texts, words and URLs name their variable when they complain', () => {
  assert.equal(text({ T: '' }, 'T', 'x'), 'x');
  assert.equal(oneOf({ W: 'b' }, 'W', ['a', 'b'], 'a'), 'b');
  complains(() => oneOf({ W: 'c' }, 'W', ['a', 'b'], 'a'), /^W: wants one of a, b, got "c"/);
  assert.equal(httpUrl({ U: 'http://h:1/' }, 'U', undefined), 'http://h:1');
  assert.equal(httpUrl({}, 'U', undefined), undefined);
  for (const bad of ['ftp://h', 'h:1', '/x']) complains(() => httpUrl({ U: bad }, 'U', undefined), /^U: /);
});

test('reads a place in degrees, and refuses one that is not on the globe', () => {
  assert.deepEqual(place({ A: '50.1,-8.7' }, 'A'), { latitude: 50.1, longitude: -8.7 });
  assert.equal(place({}, 'A'), null);
  for (const value of ['50', '91,0', '0,181', 'a,b', '1,2,3']) {
    assert.throws(() => place({ A: value }, 'A'), /^ConfigError: A: wants LATITUDE,LONGITUDE/, value);
  }
});
