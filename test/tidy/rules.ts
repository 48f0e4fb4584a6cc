/** The rules of this house that the linter does not hold. Each takes what it looks at and returns its complaints. */

import { builtinModules } from 'node:module';
import { posix } from 'node:path';
import { VARIABLE, type Source } from './source.ts';
import type { Workspace } from './workspaces.ts';

/** One sentence that names the file. */
export type Complaint = string;

/** A file must not be longer, tests aside. */
const MAX_LINES = 400;
/** The README shows the two commands and the way to the rest; no more. */
const MAX_README_LINES = 120;

const SERVICES = new Set(['origin', 'edge', 'control-plane', 'geo']);
const FREE = new Set(['test', 'loadtest']);
const ISLANDS = new Set(['packages/media', 'packages/protocol']);
/** The one arrow between services: geo's ranking is pure. */
const RANKING = { from: 'control-plane', to: 'geo', subPath: /^src\/rank(?:\.ts|\/)/ };

const FORBIDDEN_NAMES = /(?:^|-)(?:utils?|helpers?|common|misc|types|constants|manager|base)$/;
const KEBAB = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.(?:parts\.test|test|fuzz|config|d))?\.(?:ts|mts|mjs|js)$/;
/** One for Node, one for the browser, which cannot import it. */
const CLOCK_FILES = new Set(['packages/service/src/clock.ts', 'packages/players/src/browser/clock.ts']);
const CLOCK_READS = new Set([
  'Date.now',
  'performance.now',
  'performance.timeOrigin',
  'process.hrtime',
  'process.uptime',
]);
/** One file a workspace; the bootstrap runs before anything is installed, so it cannot import a reader. */
const CONFIG_FILES =
  /^(?:(?:origin|edge|control-plane|geo|packages\/cli)\/src|test\/fleet|loadtest\/bench)\/config\.ts$|^deploy\/bootstrap\//;

/** Packages import no service, media and protocol nothing of ours, services never each other. */
export function checkArrows(source: Source, workspaces: readonly Workspace[]): Complaint[] {
  const from = ownerOf(source.path, workspaces);
  if (from === undefined) return [];
  return source.imports.flatMap(({ specifier }) => {
    if (specifier.startsWith('.')) {
      const target = posix.join(posix.dirname(source.path), specifier);
      const inside = target.startsWith(`${from.folder}/`);
      return inside ? [] : [`${source.path}: ${specifier} leaves ${from.folder}; import by package name`];
    }
    const to = workspaces.find(({ name }) => specifier === name || specifier.startsWith(`${name}/`));
    if (to === undefined || to === from) return [];
    const subPath = specifier.slice(to.name.length + 1);
    return mayImport(from.folder, to.folder, subPath)
      ? []
      : [`${source.path}: ${from.folder} may not import ${specifier}`];
  });
}

function mayImport(from: string, to: string, subPath: string): boolean {
  if (FREE.has(from)) return true;
  if (ISLANDS.has(from) || FREE.has(to)) return false;
  if (SERVICES.has(to)) return from === RANKING.from && to === RANKING.to && RANKING.subPath.test(subPath);
  return to.startsWith('packages/');
}

/** What a file imports stands in its workspace's manifest: under `dependencies` when the file runs in production. */
export function checkDeclared(source: Source, workspaces: readonly Workspace[]): Complaint[] {
  const owner = ownerOf(source.path, workspaces);
  if (owner === undefined) return [];
  const declared = new Set([owner.name, ...owner.dependencies]);
  const ships = !source.forTests && !source.path.startsWith('deploy/');
  if (!ships) for (const name of owner.devDependencies) declared.add(name);
  return source.imports.flatMap(({ specifier, typeOnly }) => {
    if (specifier.startsWith('.') || specifier.startsWith('node:')) return [];
    if (builtinModules.includes(specifier)) return [`${source.path}: write node:${specifier}`];
    const name = packageOf(specifier);
    // A package of which only the types are declared is part of what runs the file: k6 brings its own.
    const known =
      declared.has(name) ||
      (typeOnly && owner.devDependencies.includes(name)) ||
      (!ships && declared.has(`@types/${name}`));
    return known ? [] : [`${source.path}: ${name} is not declared in ${owner.folder}/package.json`];
  });
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function ownerOf(path: string, workspaces: readonly Workspace[]): Workspace | undefined {
  return workspaces.find(({ folder }) => path.startsWith(`${folder}/`));
}

/** Kebab-case, and named after the thing in it. */
export function checkName(path: string): Complaint[] {
  const file = posix.basename(path);
  const stem = file.replace(/\..*$/, '');
  const complaints: Complaint[] = [];
  if (!KEBAB.test(file)) complaints.push(`${path}: not kebab-case`);
  if (FORBIDDEN_NAMES.test(stem)) complaints.push(`${path}: ${stem} says nothing; name the file after the thing in it`);
  if (stem === 'index' && !file.endsWith('.js')) complaints.push(`${path}: no barrel; packages export by sub-path`);
  return complaints;
}

/** The linter holds this too, for the files it looks at; here for all of them. */
export function checkLength(source: Source): Complaint[] {
  if (source.forTests || source.lines <= MAX_LINES) return [];
  return [`${source.path}: ${source.lines} lines, at most ${MAX_LINES}`];
}

/** Only `config.ts` reads the environment. */
export function checkEnvironment(source: Source): Complaint[] {
  // A test beside the source hands the environment on to a child process.
  if (CONFIG_FILES.test(source.path) || source.path.endsWith('.test.ts')) return [];
  const imported = source.imports.some(({ specifier }) => specifier === 'node:process');
  const reads = imported || source.members.includes('process.env');
  return reads ? [`${source.path}: the environment is read in config.ts alone`] : [];
}

/** Time is a parameter. */
export function checkClock(source: Source): Complaint[] {
  if (CLOCK_FILES.has(source.path) || source.forTests) return [];
  const reads = source.members.filter((member) => CLOCK_READS.has(member));
  if (source.emptyConstructions.includes('Date')) reads.push('new Date()');
  return [...new Set(reads)].map((read) => `${source.path}: ${read}; take a Clock instead`);
}

/** A process is ended where it began; whoever ends it elsewhere leaves work undone. The bootstrap is one file. */
export function checkExit(source: Source): Complaint[] {
  if (source.forTests || /(?:^|\/)main\.ts$/.test(source.path) || source.path.startsWith('deploy/bootstrap/'))
    return [];
  return source.members.includes('process.exit') ? [`${source.path}: process.exit outside main.ts`] : [];
}

/** A failure that is caught is told, counted, answered or turned into a value. */
export function checkCatches(source: Source): Complaint[] {
  if (source.forTests) return [];
  return source.emptyCatches.map((line) => `${source.path}:${line}: an empty catch; say in code what becomes of it`);
}

/** What has a name at the top of a file is a `function`. */
export function checkArrowFunctions(source: Source): Complaint[] {
  if (source.forTests) return [];
  return source.topLevelArrows.map((name) => `${source.path}: ${name} is an arrow function; write a function`);
}

/** No `export *`, no note to self. */
export function checkLeftovers(source: Source): Complaint[] {
  const complaints: Complaint[] = [];
  if (source.exportsAll) complaints.push(`${source.path}: export * hides what is exported`);
  for (const comment of source.comments) {
    const note = /\b(?:TODO|FIXME|XXX|HACK)\b/.exec(comment);
    if (note !== null) complaints.push(`${source.path}: ${note[0]} in a comment; do it or file it`);
  }
  return complaints;
}

/** Every test runs; one that cannot says why. */
export function checkTestsRun(source: Source): Complaint[] {
  if (!source.path.endsWith('.test.ts')) return [];
  const members = source.members.filter((member) => /^(?:test|it|describe|suite)\.(?:only|skip|todo)$/.test(member));
  const options = source.testOptions
    .filter(({ option, reason }) => option !== 'skip' || reason === null || reason === '')
    .map(({ option }) => `{ ${option} }`);
  return [...members, ...options].map((way) => `${source.path}: ${way} without a reason`);
}

/** Every variable that is read is documented, and every documented one is read. */
export function checkVariables(sources: readonly Source[], documents: readonly string[]): Complaint[] {
  const readers = new Map<string, string>();
  for (const source of sources) {
    if (source.path.endsWith('.test.ts')) continue;
    for (const variable of source.variables) readers.set(variable, source.path);
  }
  const every = new RegExp(VARIABLE.source, 'g');
  const documented = new Set(documents.flatMap((document) => document.match(every) ?? []));
  const unwritten = [...readers].filter(([name]) => !documented.has(name));
  const unread = [...documented].filter((name) => !readers.has(name));
  return [
    ...unwritten.map(([name, path]) => `${path}: ${name} is read but documented nowhere`),
    ...unread.map((name) => `${name} is documented but nothing reads it`),
  ];
}

/** The README stays short. */
export function checkReadme(text: string): Complaint[] {
  const lines = text.trimEnd().split('\n').length;
  return lines <= MAX_README_LINES ? [] : [`README.md: ${lines} lines, at most ${MAX_README_LINES}`];
}

/** Source files that a document names are there. `N.ts` and the like are URLs. */
export function checkNamedFiles(name: string, document: string, paths: readonly string[]): Complaint[] {
  const named = document.match(/(?<=`)[\w./-]+\.(?:ts|mjs)(?=`)/g) ?? [];
  return [...new Set(named)]
    .filter((file) => !/\b[A-Z]+\.ts$/.test(file) && !paths.some((path) => `/${path}`.endsWith(`/${file}`)))
    .map((file) => `${name}: there is no ${file}`);
}

/** Every dependency that ships has a line, with its reason, in docs/dependencies.md. */
export function checkDependencies(workspaces: readonly Workspace[], document: string): Complaint[] {
  const ours = new Set(workspaces.map(({ name }) => name));
  return workspaces.flatMap(({ folder, dependencies }) =>
    dependencies
      .filter((name) => !ours.has(name) && !document.includes(`\`${name}\``))
      .map((name) => `${folder}/package.json: ${name} has no line in docs/dependencies.md`),
  );
}

/** The test of each requirement is there: the last two cells of its row are a test file and a title in it. */
export function checkRequirements(document: string, texts: ReadonlyMap<string, string>): Complaint[] {
  const rows = document.match(/^\| \d{4} §.*$/gm) ?? [];
  if (rows.length === 0) return ['no requirement has a row'];
  return rows.flatMap((row) => {
    const [, file, title] = /\| `([\w./-]+\.test\.ts)` *\| (.+?) *\|$/.exec(row) ?? [];
    if (file === undefined) return [`no test in the row ${row}`];
    const text = [...texts].find(([path]) => `/${path}`.endsWith(`/${file}`))?.[1];
    if (text === undefined) return [`there is no ${file}`];
    const quoted = [`'${title}'`, `"${title}"`, `\`${title}\``];
    return quoted.some((name) => text.includes(`test(${name}`) || text.includes(`table(${name}`))
      ? []
      : [`${file} has no test "${title}"`];
  });
}
