/** The house rules as tests: first that each rule bites, then that this repository keeps it. */

import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { suite, test } from 'node:test';
import * as rules from './tidy/rules.ts';
import { markTestSupport, readSource } from './tidy/source.ts';
import { listSourceFiles, readWorkspaces, type Workspace } from './tidy/workspaces.ts';

const ROOT = resolve(import.meta.dirname, '..');

function workspace(folder: string, name: string, dependencies: readonly string[] = []): Workspace {
  return { folder, name, dependencies, devDependencies: ['a-tool', '@types/a-runtime'] };
}

const HOUSE: readonly Workspace[] = [
  workspace('packages/protocol', '@headwater/protocol'),
  workspace('packages/media', '@headwater/media'),
  workspace('packages/service', '@headwater/service', ['@headwater/protocol']),
  workspace('edge', '@headwater/edge', ['@headwater/service', 'lru-cache', '@scope/pkg']),
  workspace('geo', '@headwater/geo'),
  workspace('control-plane', '@headwater/control-plane'),
  workspace('test', '@headwater/test'),
];

suite('each rule bites', () => {
  const arrows: [path: string, specifier: string, allowed: boolean][] = [
    ['packages/media/src/a.ts', '@headwater/protocol/names', false],
    ['packages/protocol/src/a.ts', '@headwater/service/clock', false],
    ['packages/service/src/a.ts', '@headwater/protocol/names', true],
    ['packages/service/src/a.ts', '@headwater/edge/src/a.ts', false],
    ['edge/src/a.ts', '@headwater/service/clock', true],
    ['edge/src/a.ts', '@headwater/geo/src/rank.ts', false],
    ['control-plane/src/a.ts', '@headwater/geo/src/rank.ts', true],
    ['control-plane/src/a.ts', '@headwater/geo/src/serve.ts', false],
    ['edge/src/a.ts', '@headwater/test/fleet/fleet.ts', false],
    ['edge/src/a.ts', '../../geo/src/rank.ts', false],
    ['edge/src/deep/a.ts', '../b.ts', true],
    ['test/e2e/a.ts', '@headwater/edge/src/a.ts', true],
    ['test/e2e/a.ts', '../../edge/src/a.ts', false],
  ];
  for (const [path, specifier, allowed] of arrows) {
    test(`arrows: ${path} ${allowed ? 'may' : 'may not'} import ${specifier}`, () => {
      for (const form of [
        `import { x } from '${specifier}';`,
        `export { x } from '${specifier}';`,
        `await import('${specifier}')`,
      ]) {
        assert.equal(rules.checkArrows(readSource(path, form), HOUSE).length, allowed ? 0 : 1, form);
      }
    });
  }

  const imports: [path: string, code: string, complaints: number][] = [
    ['edge/src/a.ts', `import 'lru-cache';`, 0],
    ['edge/src/a.ts', `import '@scope/pkg/deep/file';`, 0],
    ['edge/src/a.ts', `import 'node:fs';`, 0],
    ['edge/src/a.ts', `import 'fs';`, 1],
    ['edge/src/a.ts', `import 'undeclared';`, 1],
    ['edge/src/a.ts', `import 'a-tool';`, 1],
    ['edge/src/a.ts', `import type { X } from 'a-tool';`, 0],
    ['edge/src/a.test.ts', `import 'a-tool';`, 0],
    ['edge/src/a.test.ts', `import 'a-runtime/http';`, 0],
    ['edge/src/a.ts', `import 'a-runtime/http';`, 1],
    ['edge/src/a.test.ts', `import '@headwater/protocol/names';`, 1],
    ['edge/src/a.ts', `const text = "import 'undeclared'"; // import 'undeclared'`, 0],
  ];
  for (const [path, code, complaints] of imports) {
    test(`declared imports: ${path}: ${code}`, () => {
      assert.equal(rules.checkDeclared(readSource(path, code), HOUSE).length, complaints);
    });
  }

  const names: [path: string, complaints: number][] = [
    ['edge/src/media-playlist.ts', 0],
    ['edge/src/media-playlist.test.ts', 0],
    ['edge/src/media-playlist.parts.test.ts', 0],
    ['edge/src/media-playlist.other.test.ts', 1],
    ['edge/src/MediaPlaylist.ts', 1],
    ['edge/src/media_playlist.ts', 1],
    ['edge/src/utils.ts', 1],
    ['edge/src/hls-helper.ts', 1],
    ['edge/src/cache-manager.test.ts', 1],
    ['edge/src/index.ts', 1],
    ['edge/src/database.ts', 0],
  ];
  for (const [path, complaints] of names) {
    test(`names: ${path}`, () => assert.equal(rules.checkName(path).length, complaints));
  }

  const lines = (count: number): string => 'a();\n'.repeat(count);
  test('lengths: 400 lines pass, 401 do not, a test may', () => {
    assert.equal(rules.checkLength(readSource('edge/src/a.ts', lines(400))).length, 0);
    assert.equal(rules.checkLength(readSource('edge/src/a.ts', lines(401))).length, 1);
    assert.equal(rules.checkLength(readSource('edge/src/a.test.ts', lines(401))).length, 0);
  });

  const environment: [path: string, code: string, complaints: number][] = [
    ['edge/src/config.ts', 'readConfig(process.env)', 0],
    ['edge/src/serve.ts', 'process.env.X', 1],
    ['edge/src/serve.ts', `process['env']`, 1],
    ['edge/src/serve.ts', `import { env } from 'node:process';`, 1],
    ['edge/src/serve.ts', 'const { env } = process;', 1],
    ['edge/src/serve.ts', 'const { pid } = process;', 0],
    ['edge/src/deep/config.ts', 'process.env.X', 1],
    ['edge/src/serve.ts', '// process.env.X', 0],
    ['edge/src/serve.test.ts', 'spawn(node, { env: process.env })', 0],
    ['test/fleet/fleet.ts', 'process.env.X', 1],
  ];
  for (const [path, code, complaints] of environment) {
    test(`environment: ${path}: ${code}`, () => {
      assert.equal(rules.checkEnvironment(readSource(path, code)).length, complaints);
    });
  }

  const clocks: [path: string, code: string, complaints: number][] = [
    ['packages/service/src/clock.ts', 'Date.now()', 0],
    ['edge/src/a.test.ts', 'Date.now()', 0],
    ['edge/src/a.ts', 'Date.now()', 1],
    ['edge/src/a.ts', 'const now = performance.now;', 1],
    ['edge/src/a.ts', 'const { now: tell } = performance;', 1],
    ['edge/src/a.ts', 'process.hrtime.bigint()', 1],
    ['edge/src/a.ts', 'new Date()', 1],
    ['edge/src/a.ts', 'new Date(atMs)', 0],
  ];
  for (const [path, code, complaints] of clocks) {
    test(`clocks: ${path}: ${code}`, () => {
      assert.equal(rules.checkClock(readSource(path, code)).length, complaints);
    });
  }

  const exits: [path: string, complaints: number][] = [
    ['edge/src/main.ts', 0],
    ['edge/src/serve.ts', 1],
    ['edge/src/serve.test.ts', 0],
  ];
  for (const [path, complaints] of exits) {
    test(`exits: ${path}`, () => {
      for (const code of ['process.exit(1)', 'const { exit } = process;']) {
        assert.equal(rules.checkExit(readSource(path, code)).length, complaints, code);
      }
    });
  }

  const catches: [code: string, complaints: number][] = [
    ['try { a(); } catch {}', 1],
    ['try { a(); } catch (error) { /* never mind */ }', 1],
    ['try { a(); } catch { return; }', 0],
    ['try { a(); } finally { b(); }', 0],
  ];
  for (const [code, complaints] of catches) {
    test(`catches: ${code}`, () => {
      assert.equal(rules.checkCatches(readSource('edge/src/a.ts', `function f() { ${code} }`)).length, complaints);
    });
  }

  const functions: [code: string, complaints: number][] = [
    ['const f = () => 1;', 1],
    ['export const f = async (x: number) => x;', 1],
    ['export function f() { const g = () => 1; return g; }', 0],
    ['const handlers = { f: () => 1 };', 0],
  ];
  for (const [code, complaints] of functions) {
    test(`functions: ${code}`, () => {
      assert.equal(rules.checkArrowFunctions(readSource('edge/src/a.ts', code)).length, complaints);
    });
  }

  test('what only tests import counts as test', () => {
    const files = {
      'edge/src/main.ts': `import './serve.ts';`,
      'edge/src/serve.ts': `import './leaf.ts';`,
      'edge/src/leaf.ts': 'leaf();',
      'edge/src/serve.test.ts': `import './rig.ts'; import './leaf.ts';`,
      'edge/src/rig.ts': `import './deep-rig.ts';`,
      'edge/src/deep-rig.ts': 'deep();',
    };
    const marked = markTestSupport(Object.entries(files).map(([path, text]) => readSource(path, text)));
    const support = marked.filter(({ forTests }) => forTests).map(({ path }) => path);
    assert.deepEqual(support, ['edge/src/serve.test.ts', 'edge/src/rig.ts', 'edge/src/deep-rig.ts']);
  });

  const leftovers = [`export * from './a.ts';`, `export * as a from './a.ts';`, '// TODO later', '/* FIXME */'];
  for (const code of leftovers) {
    test(`leftovers: ${code}`, () => {
      assert.equal(rules.checkLeftovers(readSource('edge/src/a.ts', code)).length, 1);
    });
  }

  const testRuns: [code: string, complaints: number][] = [
    ['test.only("x", f)', 1],
    ['describe.skip("x", f)', 1],
    ['it.todo("x")', 1],
    ['test("x", { skip: true }, f)', 1],
    ['test("x", { skip: !linux }, f)', 1],
    ['test("x", { only: true }, f)', 1],
    ['test("x", { skip: "the kernel has no such call" }, f)', 0],
    ['test("x", { skip: false }, f)', 0],
    ['test("x", { timeout: 1 }, f)', 0],
  ];
  for (const [code, complaints] of testRuns) {
    test(`tests run: ${code}`, () => {
      assert.equal(rules.checkTestsRun(readSource('edge/src/a.test.ts', code)).length, complaints);
    });
  }

  test('variables: read and documented are the same set', () => {
    const read = readSource(
      'edge/src/config.ts',
      `integer(env, 'HEADWATER_A', {}); port(options.environment, 'HEADWATER_B', 1); env.HEADWATER_C; env['REDIS_URL'];
       limit('HEADWATER_E', 5, 9);
       explain('HEADWATER_NOT_READ'); spawn(x, { HEADWATER_NOT_READ_EITHER: 1 }); env.PATH;`,
    );
    const all = '`HEADWATER_A` HEADWATER_B|HEADWATER_C, REDIS_URL, HEADWATER_E';
    assert.deepEqual(rules.checkVariables([read], [all]), []);
    assert.equal(rules.checkVariables([read], ['HEADWATER_A HEADWATER_B HEADWATER_C HEADWATER_E']).length, 1);
    assert.equal(rules.checkVariables([read], [all, 'HEADWATER_D']).length, 1);
  });

  test('readme: 120 lines pass, 121 do not', () => {
    assert.equal(rules.checkReadme('x\n'.repeat(120)).length, 0);
    assert.equal(rules.checkReadme('x\n'.repeat(121)).length, 1);
  });

  test('documents: the files that they name are there', () => {
    const text = '`serve.ts` and `edge/src/serve.ts` answer `TRACK/EPOCH/N.ts`';
    assert.deepEqual(rules.checkNamedFiles('A.md', text, ['edge/src/serve.ts']), []);
    assert.equal(rules.checkNamedFiles('A.md', text, ['geo/src/serve.ts']).length, 1);
    assert.equal(rules.checkNamedFiles('A.md', text, ['edge/src/observe.ts']).length, 2);
  });

  test('requirements: the tests that a table names are there', () => {
    const texts = new Map([['edge/src/a.test.ts', "test('one', () => {});"]]);
    const row = (file: string, title: string) => `| 9111 §1 | what | MUST | \`${file}\` | ${title}  |`;
    assert.deepEqual(rules.checkRequirements(row('a.test.ts', 'one'), texts), []);
    assert.equal(rules.checkRequirements(row('a.test.ts', 'two'), texts).length, 1);
    assert.equal(rules.checkRequirements(row('b.test.ts', 'one'), texts).length, 1);
    assert.equal(rules.checkRequirements('| 9111 §1 | what | MUST | | |', texts).length, 1);
    assert.equal(rules.checkRequirements('', texts).length, 1);
  });

  test('dependencies: each has its line', () => {
    const document = '- `lru-cache`: the RAM tier\n- `@scope/pkg`: why';
    assert.deepEqual(rules.checkDependencies(HOUSE, document), []);
    assert.equal(rules.checkDependencies(HOUSE, '- `lru-cache`').length, 1);
  });
});

suite('this repository keeps them', () => {
  const { root, members } = readWorkspaces(ROOT);
  const paths = members.flatMap(({ folder }) => listSourceFiles(ROOT, folder));
  const sources = markTestSupport(paths.map((path) => readSource(path, readFileSync(join(ROOT, path), 'utf8'))));

  test('every file of every workspace was looked at', () => {
    assert.ok(members.length >= 12, `${members.length} workspaces`);
    for (const { folder } of members)
      assert.ok(
        paths.some((path) => path.startsWith(`${folder}/`)),
        folder,
      );
    assert.deepEqual(root.dependencies, [], 'the root ships nothing');
  });

  const perFile: [name: string, check: (source: (typeof sources)[number]) => string[]][] = [
    ['arrows', (source) => rules.checkArrows(source, members)],
    ['declared imports', (source) => rules.checkDeclared(source, members)],
    ['names', (source) => rules.checkName(source.path)],
    ['lengths', rules.checkLength],
    ['environment', rules.checkEnvironment],
    ['clocks', rules.checkClock],
    ['exits', rules.checkExit],
    ['catches', rules.checkCatches],
    ['functions', rules.checkArrowFunctions],
    ['leftovers', rules.checkLeftovers],
    ['tests run', rules.checkTestsRun],
  ];
  for (const [name, check] of perFile) {
    test(name, () => assert.deepEqual(sources.flatMap(check), []));
  }

  test('variables', () => {
    const documents = ['README.md', 'docs/configuration.md'].map((name) => join(ROOT, name)).filter(existsSync);
    assert.deepEqual(
      rules.checkVariables(
        sources,
        documents.map((name) => readFileSync(name, 'utf8')),
      ),
      [],
    );
  });

  test('readme', () => assert.deepEqual(rules.checkReadme(readFileSync(join(ROOT, 'README.md'), 'utf8')), []));

  test('documents', () => {
    const decisions = readdirSync(join(ROOT, 'docs/decisions')).map((file) => `docs/decisions/${file}`);
    const documents = ['README.md', 'ARCHITECTURE.md', 'SECURITY.md', 'CONTRIBUTING.md', ...decisions];
    const complaints = documents.flatMap((file) =>
      rules.checkNamedFiles(file, readFileSync(join(ROOT, file), 'utf8'), paths),
    );
    assert.deepEqual(complaints, []);
  });

  test('requirements', () => {
    const tests = paths.filter((path) => path.endsWith('.test.ts'));
    const texts = new Map(tests.map((path) => [path, readFileSync(join(ROOT, path), 'utf8')]));
    assert.deepEqual(rules.checkRequirements(readFileSync(join(ROOT, 'docs/rfc9111.md'), 'utf8'), texts), []);
  });

  test('dependencies', () => {
    assert.deepEqual(rules.checkDependencies(members, readFileSync(join(ROOT, 'docs/dependencies.md'), 'utf8')), []);
  });
});
