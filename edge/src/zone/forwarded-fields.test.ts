import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask } from '../edge-rig.ts';
import { fieldsForUpstream } from './forwarded-fields.ts';
import { startZoneRig } from './zone-rig.ts';

const NOBODY = { host: '', scheme: 'https', policy: 'public' } as const;

/** Fields that have changed answers for others somewhere. */
const POISON = [
  ['X-Forwarded-For', 'evil'],
  ['X-Forwarded-Host', 'evil'],
  ['X-Forwarded-Proto', 'evil'],
  ['X-Forwarded-Port', 'evil'],
  ['X-Forwarded-Prefix', '/evil'],
  ['X-Forwarded-Scheme', 'evil'],
  ['X-Forwarded', 'for=evil'],
  ['Forwarded', 'host=evil'],
  ['X-Host', 'evil'],
  ['X-Original-URL', '/evil'],
  ['X-Original-Host', 'evil'],
  ['X-Rewrite-URL', '/evil'],
  ['X-HTTP-Method-Override', 'DELETE-evil'],
  ['X-HTTP-Method', 'DELETE-evil'],
  ['X-Method-Override', 'DELETE-evil'],
  ['X-HTTP-Host-Override', 'evil'],
  ['X-Real-IP', 'evil'],
  ['True-Client-IP', 'evil'],
  ['X-Middleware-Subrequest', 'evil'],
  ['Proxy', 'http://evil'],
  ['X_Forwarded_Host', 'evil'],
  ['Accept_Language', 'evil'],
  ['CMCD-Request', 'evil'],
  ['Headwater-Edge', 'evil'],
  ['Connection', 'evil-hop'],
  ['Evil-Hop', 'evil'],
  ['Cookie', 'URISigningPackage=evil'],
] as const;

test('what a viewer says in place of the request goes on to nobody', () => {
  const kept = ['Accept', 'a/b', 'X-Own', 'c', 'Cookie', 'd=e', 'X-Empty', ''];
  assert.deepEqual(fieldsForUpstream([...POISON.flat(), ...kept], NOBODY), kept);
  const cookies = ['cookie', 'a=1; URISigningPackage=evil;b=2'];
  assert.deepEqual(fieldsForUpstream(cookies, NOBODY), ['cookie', 'a=1; b=2']);
});

test('an upstream hears the host of a zone that names hosts, from us', () => {
  const heard = fieldsForUpstream(['X-Forwarded-Host', 'evil', 'Host', 'a.example'], { ...NOBODY, host: 'a.example' });
  assert.deepEqual(heard, ['X-Forwarded-Host', 'a.example', 'X-Forwarded-Proto', 'https']);
});

test('one viewer cannot change what another is answered', async () => {
  // A site that writes all it is told into what it says.
  await using rig = await startZoneRig((request, response) => {
    response.setHeader('cache-control', 'max-age=60');
    response.end(`${request.method} ${request.url} ${request.rawHeaders.join(' ')}`);
  });
  for (const [at, [name, value]] of POISON.entries()) {
    // A viewer's own hop-by-hop names are tried with what they name.
    const headers = name === 'Evil-Hop' ? { connection: 'evil-hop', [name]: value } : { [name]: value };
    const first = await ask(rig.edge, `/page-${at}`, { headers: { connection: 'close', ...headers } });
    assert.equal(first.status, 200, name);
    assert.ok(!first.text.includes('evil'), `${name}: ${first.text}`);
    const second = await ask(rig.edge, `/page-${at}`);
    assert.equal(second.text, first.text, `${name}: it was stored`);
  }
  assert.equal(rig.asked.length, POISON.length);
});
