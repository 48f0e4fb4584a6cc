import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { makeSelfSigned } from '@headwater/service/self-signed';
import { loadTlsPair } from './tls-pair.ts';

const NOW_MS = Date.UTC(2026, 10, 22);
const directory = await mkdtemp(join(tmpdir(), 'headwater-tls-'));
after(() => rm(directory, { recursive: true }));

function options(name: string, nowMs = NOW_MS, hosts = ['origin.example']) {
  return { files: undefined, dataDirectory: join(directory, name), hosts, nowMs };
}

test('makes a pair once and keeps it, the key for its owner alone', async () => {
  const first = await loadTlsPair(options('kept'));
  assert.deepEqual(await loadTlsPair(options('kept')), first);
  const { mode } = await stat(join(directory, 'kept', 'rtmps-key.pem'));
  assert.equal(mode & 0o777, 0o600);
});

test('makes a new pair when the kept one is damaged, ends, or misses the host', async () => {
  const first = await loadTlsPair(options('renewed'));
  const later = await loadTlsPair(options('renewed', NOW_MS + 3_630 * 86_400_000));
  assert.notDeepEqual(later, first);
  const elsewhere = await loadTlsPair(options('renewed', NOW_MS, ['192.0.2.7']));
  assert.notDeepEqual(elsewhere, later);
  await writeFile(join(directory, 'renewed', 'rtmps-key.pem'), first.key);
  const mended = await loadTlsPair(options('renewed', NOW_MS, ['192.0.2.7']));
  assert.notEqual(mended.cert, elsewhere.cert);
});

test("takes the operator's files", async () => {
  const pair = makeSelfSigned(['a.example'], NOW_MS);
  const files = { certFile: join(directory, 'cert.pem'), keyFile: join(directory, 'key.pem') };
  await writeFile(files.certFile, pair.cert);
  await writeFile(files.keyFile, pair.key);
  assert.deepEqual(await loadTlsPair({ ...options('unused'), files }), pair);
});
