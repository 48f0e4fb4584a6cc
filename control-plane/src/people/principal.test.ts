import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FRESH_MS, type Person, ROOT, coversStream, refusalOf } from './principal.ts';
import { PERMISSIONS, ROLES, SENSITIVE } from './roles.ts';

const NOW = 1_000_000_000;
const PERSON: Person = {
  kind: 'person',
  name: 'anna',
  role: 'admin',
  streams: null,
  session: 's',
  factorAtMs: null,
  mustChangePassword: false,
};
const KEY = { kind: 'key', id: 'k', name: 'ci', role: 'admin', streams: null } as const;

function codeOf(...asked: Parameters<typeof refusalOf>): string | null {
  return refusalOf(...asked)?.code ?? null;
}

test('each role may what its row says, and no more; the rows lie within each other where they should', () => {
  const everything = PERMISSIONS.admin;
  for (const role of ROLES) {
    for (const permission of everything) {
      const factorAtMs = NOW - 1;
      const may = refusalOf({ ...PERSON, role, factorAtMs }, permission, NOW) === null;
      assert.equal(may, PERMISSIONS[role].includes(permission), `${role} ${permission}`);
    }
    assert.ok(PERMISSIONS[role].every((permission) => everything.includes(permission)));
  }
  for (const role of ['operator', 'publisher', 'viewer-issuer'] as const)
    for (const permission of ['people.change', 'people.read', 'audit.read', 'issuer.change'] as const)
      assert.ok(!PERMISSIONS[role].includes(permission), `${role} ${permission}`);
});

test('what is sensitive wants a second factor of a moment ago, or a key made for it, or the admin token', () => {
  for (const permission of SENSITIVE) {
    assert.equal(codeOf(PERSON, permission, NOW), 'step_up_required');
    assert.equal(codeOf({ ...PERSON, factorAtMs: NOW - FRESH_MS + 1 }, permission, NOW), null);
    assert.equal(codeOf({ ...PERSON, factorAtMs: NOW - FRESH_MS }, permission, NOW), 'step_up_required');
    assert.equal(codeOf({ ...KEY, sensitive: false }, permission, NOW), 'key_not_sensitive');
    assert.equal(codeOf({ ...KEY, sensitive: true }, permission, NOW), null);
    assert.equal(codeOf(ROOT, permission, NOW), null);
    assert.equal(codeOf({ ...KEY, role: 'viewer-issuer', sensitive: true }, permission, NOW), 'forbidden');
  }
});

test('a password that somebody else gave opens only one’s own account; that is for people alone', () => {
  const person = { ...PERSON, mustChangePassword: true, factorAtMs: NOW };
  assert.equal(codeOf(person, 'own', NOW), null);
  assert.equal(codeOf(person, 'node.read', NOW), 'password_change_required');
  assert.equal(codeOf(ROOT, 'own', NOW), 'forbidden');
  assert.equal(codeOf({ ...KEY, sensitive: true }, 'own', NOW), 'forbidden');
});

test('a scope names streams, or how they begin', () => {
  const streams = ['show', 'sports-*'];
  for (const [stream, covered] of [
    ['show', true],
    ['show-2', false],
    ['sports-', true],
    ['sports-1', true],
    ['sport', false],
  ] as const) {
    assert.equal(coversStream({ streams }, stream), covered, stream);
    assert.equal(coversStream({ streams: null }, stream), true);
    assert.equal(coversStream({ streams: [] }, stream), false);
  }
});
