import assert from 'node:assert/strict';
import { test } from 'node:test';
import { edited } from './source-edits.ts';

test('an edit is made where its text stands, and only where it stands once', () => {
  const edit = { file: 'a.ts', text: 'a < b', replacement: "a <= b && '$&'" };
  assert.equal(edited('if (a < b) c();', edit), "if (a <= b && '$&') c();");
  for (const source of ['if (a <= b) c();', 'a < b || a < b']) {
    assert.throws(() => edited(source, edit), /a\.ts has [02] times, not once: a < b/);
  }
});
