import assert from 'node:assert/strict';
import type { LookupFunction } from 'node:net';
import { test } from 'node:test';
import { allowedLookup } from './allowed-lookup.ts';

function resolving(...addresses: string[]): LookupFunction {
  return (_hostname, options, callback) =>
    options.all === true
      ? callback(
          null,
          addresses.map((address) => ({ address, family: 4 })),
        )
      : callback(null, addresses[0] as string, 4);
}

function outcome(lookup: LookupFunction, all: boolean): string {
  let told = '';
  allowedLookup(lookup)('origin.example', { all }, (error, found) => {
    told = error === null ? JSON.stringify(found) : 'refused';
  });
  return told;
}

test('a name that leads to the metadata of a cloud is refused, also as one of several', () => {
  assert.equal(outcome(resolving('10.0.0.1'), false), '"10.0.0.1"');
  assert.equal(outcome(resolving('10.0.0.1', '127.0.0.1'), true).length > 20, true);
  assert.equal(outcome(resolving('169.254.169.254'), false), 'refused');
  assert.equal(outcome(resolving('10.0.0.1', '169.254.169.254'), true), 'refused');
});

test('a name that is not found stays so', () => {
  const failing: LookupFunction = (_hostname, _options, callback) => callback(new Error('ENOTFOUND'), '', 4);
  assert.equal(outcome(failing, true), 'refused');
});
