import assert from 'node:assert/strict';
import { once } from 'node:events';
import { X509Certificate, createPrivateKey } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { connect, createServer } from 'node:tls';
import { makeSelfSigned } from './self-signed.ts';

const NOW_MS = Date.UTC(2026, 10, 22, 12, 34, 56);

test('is a certificate that node:crypto reads, signed by its own key', () => {
  const { cert, key } = makeSelfSigned(['origin.example', 'localhost', '127.0.0.1', '::1'], NOW_MS);
  const certificate = new X509Certificate(cert);
  assert.equal(certificate.subject, 'CN=origin.example');
  assert.equal(certificate.issuer, certificate.subject);
  assert.equal(
    certificate.subjectAltName,
    'DNS:origin.example, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
  );
  assert.equal(certificate.validFromDate.getTime(), NOW_MS - 86_400_000);
  assert.equal(certificate.validToDate.getTime(), NOW_MS + 3_650 * 86_400_000);
  assert.ok(certificate.ca);
  assert.ok(certificate.verify(certificate.publicKey));
  assert.ok(certificate.checkPrivateKey(createPrivateKey(key)));
  assert.notEqual(makeSelfSigned(['a'], NOW_MS).cert, makeSelfSigned(['a'], NOW_MS).cert);
});

test('writes years from 2050 on with four digits', () => {
  const certificate = new X509Certificate(makeSelfSigned(['a'], Date.UTC(2045, 0, 1)).cert);
  assert.equal(certificate.validToDate.getUTCFullYear(), 2054);
  assert.ok(certificate.verify(certificate.publicKey));
});

test('serves TLS to a client that trusts it', async () => {
  const pair = makeSelfSigned(['localhost', '127.0.0.1'], Date.now());
  const server = createServer(pair, (socket) => socket.end('hello'));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', ca: pair.cert });
  let heard = '';
  for await (const bytes of client) heard += String(bytes);
  assert.equal(heard, 'hello');
  server.close();
});
