import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { Command } from 'commander';
import { OperatorApi, fixedBearer } from '../operator-api.ts';
import { addZoneCommands } from './zones.ts';

const SITE = { name: 'site', hosts: ['*'], pathPrefix: '/', origins: ['http://o'], policy: 'public' };

/** Runs `headwater zones …` against a control plane that has one zone; what it was asked, and what was printed. */
async function run(context: TestContext, args: readonly string[]): Promise<{ asked: unknown[]; printed: string[] }> {
  const asked: unknown[] = [];
  await using server = createServer((request, response) => {
    void text(request).then((body) => {
      asked.push([request.method, request.url, ...(body === '' ? [] : [JSON.parse(body) as unknown])]);
      if (request.method === 'DELETE') return response.writeHead(204).end();
      return response.end(JSON.stringify(request.method === 'GET' ? { zones: [SITE] } : SITE));
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const api = new OperatorApi([`http://127.0.0.1:${(server.address() as AddressInfo).port}`], fixedBearer('token'));
  const printed: string[] = [];
  context.mock.method(console, 'log', (line: string) => printed.push(line));
  const program = new Command().exitOverride();
  addZoneCommands(program, async () => api);
  await program.parseAsync(['zones', ...args], { from: 'user' });
  server.closeAllConnections();
  return { asked, printed };
}

test('zones are added, listed and removed', async (context) => {
  const added = await run(context, ['add', 'site', '--origin', 'http://o']);
  const { name, hosts: _, ...form } = SITE;
  assert.deepEqual(added.asked, [['POST', '/v1/zones', { name, ...form }]]);
  assert.deepEqual(added.printed, ['zone site: * /']);
  const flags = ['--origin', 'http://o', '--origin', 'http://p', '--host', 'a.example', '--host', 'b.example'];
  const whole = await run(context, ['add', 'site', ...flags, '--prefix', '/v', '--policy', 'token']);
  const origins = ['http://o', 'http://p'];
  const order = { name, hosts: ['a.example', 'b.example'], pathPrefix: '/v', origins, policy: 'token' };
  assert.deepEqual(whole.asked, [['POST', '/v1/zones', order]]);
  const listed = await run(context, []);
  assert.match(listed.printed.join(), /^ZONE +POLICY +HOSTS +PREFIX +ORIGINS\nsite +public +\* +\/ +http:\/\/o$/);
  assert.deepEqual(JSON.parse((await run(context, ['list', '--json'])).printed.join()), [SITE]);
  const removed = await run(context, ['remove', 'a/b']);
  assert.deepEqual([removed.asked, removed.printed], [[['DELETE', '/v1/zones/a%2Fb']], []]);
});
