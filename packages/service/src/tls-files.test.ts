import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { makeSelfSigned } from './self-signed.ts';
import { loadTlsFiles, readTlsFiles } from './tls-files.ts';

const NOW_MS = Date.UTC(2026, 10, 22);
const directory = await mkdtemp(join(tmpdir(), 'headwater-tls-files-'));
after(() => rm(directory, { recursive: true }));

function environment(certificates: string, keys: string): Record<string, string> {
  return { HEADWATER_TLS_CERT_FILE: certificates, HEADWATER_TLS_KEY_FILE: keys };
}

test('several pairs are told by commas', () => {
  assert.deepEqual(readTlsFiles({}), []);
  assert.deepEqual(readTlsFiles(environment('a.pem, b.pem', 'a.key,b.key')), [
    { certFile: 'a.pem', keyFile: 'a.key' },
    { certFile: 'b.pem', keyFile: 'b.key' },
  ]);
});

test('half a pair is refused by the name of what is missing, and so are too many', () => {
  assert.throws(() => readTlsFiles(environment('a.pem', '')), { variable: 'HEADWATER_TLS_KEY_FILE' });
  assert.throws(() => readTlsFiles(environment('', 'a.key')), { variable: 'HEADWATER_TLS_CERT_FILE' });
  assert.throws(() => readTlsFiles(environment('a.pem,b.pem', 'a.key')), { variable: 'HEADWATER_TLS_KEY_FILE' });
  const many = (count: number): string => Array.from({ length: count }, () => 'a').join(',');
  assert.equal(readTlsFiles(environment(many(100), many(100))).length, 100);
  assert.throws(() => readTlsFiles(environment(many(101), many(101))), { variable: 'HEADWATER_TLS_CERT_FILE' });
});

test('files that are no such pair are refused by the name of the variable', async () => {
  const file = (name: string): string => join(directory, name);
  const pair = makeSelfSigned(['a.example'], NOW_MS);
  await writeFile(file('cert.pem'), pair.cert);
  await writeFile(file('key.pem'), pair.key);
  await writeFile(file('garbage.pem'), '-----BEGIN nothing');
  await writeFile(file('other.pem'), makeSelfSigned(['a.example'], NOW_MS).key);
  const good = { certFile: file('cert.pem'), keyFile: file('key.pem') };
  assert.deepEqual(await loadTlsFiles(good), pair);
  for (const wrong of ['none', 'garbage.pem']) {
    const ofCertificate = { name: 'ConfigError', variable: 'HEADWATER_TLS_CERT_FILE' };
    await assert.rejects(loadTlsFiles({ ...good, certFile: file(wrong) }), ofCertificate);
  }
  for (const wrong of ['none', 'garbage.pem', 'other.pem']) {
    const ofKey = { name: 'ConfigError', variable: 'HEADWATER_TLS_KEY_FILE' };
    await assert.rejects(loadTlsFiles({ ...good, keyFile: file(wrong) }), ofKey);
  }
});
