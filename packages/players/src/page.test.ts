import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { loadWatchPage } from './page.ts';

const page = await loadWatchPage();
const html = Buffer.from(page.show('my-stream').body).toString();

async function read(path: string): Promise<string> {
  const file = await page.file(path, false);
  assert.ok(file, `${path} is not served`);
  return Buffer.from(file.body).toString();
}

test('the page names its stream and asks for nothing that is not served', async () => {
  assert.match(html, /<body data-stream="my-stream">/);
  assert.doesNotMatch(html, /\{\{/);
  const paths = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map((match) => match[1] ?? '');
  assert.equal(paths.length, 3);
  for (const path of paths) await read(path);
});

test('every module that the page loads, and each that those import, is JavaScript', async () => {
  const entry = /<script type="module" src="([^"]+)"/.exec(html)?.[1] ?? '';
  const waiting = [entry];
  const seen = new Set(waiting);
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const code = await read(path);
    assert.doesNotMatch(code, /^(import type|export interface|interface|type) /m, path);
    for (const [, specifier = ''] of code.matchAll(/^(?:import|export) [^;]*?from '([^']+)';/gm)) {
      const next = new URL(specifier, `http://h${path}`).pathname;
      assert.match(specifier, /^\.\.?\//, `${path} imports ${specifier}, which no browser can resolve`);
      if (!seen.has(next)) waiting.push(next);
      seen.add(next);
    }
  }
  assert.equal(seen.size, 16);
});

test('each library is there', async () => {
  const base = /\/players\/[0-9a-f]{16}\//.exec(html)?.[0] ?? '';
  for (const file of ['hls.mjs', 'hls.worker.js', 'dash.js', 'shaka.js']) {
    assert.ok((await read(`${base}lib/${file}`)).length > 50_000, file);
  }
});

test('files are compressed for who takes it, and kept for ever', async () => {
  const path = /href="([^"]+\.css)"/.exec(html)?.[1] ?? '';
  const [plain, zipped] = [await page.file(path, false), await page.file(path, true)];
  assert.ok(plain && zipped);
  assert.equal(zipped.headers['content-encoding'], 'gzip');
  assert.deepEqual(gunzipSync(zipped.body), Buffer.from(plain.body));
  assert.equal(zipped.headers['cache-control'], 'public, max-age=31536000, immutable');
});

test('nothing else is served', async () => {
  const base = /\/players\/[0-9a-f]{16}\//.exec(html)?.[0] ?? '';
  for (const path of [`${base}../page.ts`, `${base}browser/watch.html`, '/players/', '/players/0/presets.ts', base]) {
    assert.equal(await page.file(path, false), null, path);
  }
});
