import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { PERMISSIONS, ROLES, SENSITIVE } from './roles.ts';

test('the page for people says what the table does', async () => {
  const page = await readFile(join(import.meta.dirname, '../../../docs/people.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `([a-z-]+(?:\.[a-z]+)?)`( \\?\*)? +\|[^|]*\|(.*)\|$/gm)];
  const told = rows.map(([, permission, star, cells = '']) => ({
    permission,
    sensitive: star !== undefined,
    roles: ROLES.filter((_, index) => cells.split('|')[index]?.trim() === '✓'),
  }));
  const wanted = PERMISSIONS.admin.map((permission) => ({
    permission,
    sensitive: SENSITIVE.has(permission),
    roles: ROLES.filter((role) => PERMISSIONS[role].includes(permission)),
  }));
  assert.deepEqual(told, wanted);
});
