/** A source file as the tidy rules look at it. */

import { posix } from 'node:path';
import { parseSync, Visitor, type Comment, type Expression } from 'oxc-parser';

/** What a file brings in, by the text between the quotes. */
interface ImportSite {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

/** One file, parsed once, with what the rules ask about already picked out. */
export interface Source {
  /** from the repository's root, with `/` */
  readonly path: string;
  readonly lines: number;
  /** a test, or what only tests import */
  readonly forTests: boolean;
  readonly imports: readonly ImportSite[];
  /** members as written or taken apart, such as `process.env`, `Date.now` or `const { env } = process`, each as often as it is there */
  readonly members: readonly string[];
  /** `new X()` without an argument */
  readonly emptyConstructions: readonly string[];
  readonly exportsAll: boolean;
  /** catch blocks without a statement, by their line; a comment is none */
  readonly emptyCatches: readonly number[];
  /** arrow functions that the file's top level names */
  readonly topLevelArrows: readonly string[];
  /** environment variables read here: `integer(env, 'NAME', …)`, `limit('NAME', 5, …)`, `env.NAME`, `env['NAME']` */
  readonly variables: readonly string[];
  /** values of `skip`, `only` and `todo` in test options; null for one that is not a text */
  readonly testOptions: readonly { readonly option: string; readonly reason: string | null }[];
  readonly comments: readonly string[];
}

/** The variables that are ours to document; `PATH`, `CI` and the like are the system's. */
export const VARIABLE = /\b(?:HEADWATER_[A-Z0-9_]+|CONSUL_HTTP_ADDR|REDIS_URL)\b/;

/**
 * Parses one file.
 * @throws Error when it does not parse
 */
export function readSource(path: string, text: string): Source {
  const { program, module, comments, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`);
  const imports: ImportSite[] = [];
  for (const site of module.staticImports) {
    const typeOnly = site.entries.length > 0 && site.entries.every((entry) => entry.isType);
    imports.push({ specifier: site.moduleRequest.value, typeOnly });
  }
  for (const site of module.staticExports) {
    const entry = site.entries.find((candidate) => candidate.moduleRequest !== null);
    if (entry?.moduleRequest) imports.push({ specifier: entry.moduleRequest.value, typeOnly: entry.isType });
  }
  for (const site of module.dynamicImports) {
    const literal = /^(['"])(.*)\1$/.exec(text.slice(site.moduleRequest.start, site.moduleRequest.end));
    if (literal?.[2] !== undefined) imports.push({ specifier: literal[2], typeOnly: false });
  }
  return {
    path,
    lines: countLines(text),
    forTests: isTest(path),
    imports,
    ...look(program, text),
    topLevelArrows: topLevelArrows(program),
    comments: comments.map((c: Comment) => c.value),
  };
}

/** A file that is there to test, by its name or its folder. */
function isTest(path: string): boolean {
  const byName = /\.(?:test|fuzz)\.ts$/.test(path);
  return byName || ['test/', 'loadtest/', 'packages/media/fuzz/'].some((folder) => path.startsWith(folder));
}

/** Marks what only tests import, such as a rig beside them: it does not ship either. */
export function markTestSupport(sources: readonly Source[]): readonly Source[] {
  const importers = new Map<string, Source[]>();
  for (const source of sources) {
    for (const { specifier } of source.imports) {
      if (!specifier.startsWith('.')) continue;
      const target = posix.join(posix.dirname(source.path), specifier);
      importers.set(target, [...(importers.get(target) ?? []), source]);
    }
  }
  const marked = sources.map((source) => {
    const by = importers.get(source.path) ?? [];
    return !source.forTests && by.length > 0 && by.every(({ forTests }) => forTests)
      ? { ...source, forTests: true }
      : source;
  });
  const changed = marked.some((source, index) => source !== sources[index]);
  return changed ? markTestSupport(marked) : marked;
}

function countLines(text: string): number {
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
}

type Program = ReturnType<typeof parseSync>['program'];

/** Functions have a name and a `function`; an arrow is for where it stands. */
function topLevelArrows(program: Program): string[] {
  return program.body.flatMap((statement) => {
    const declaration = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement;
    if (declaration?.type !== 'VariableDeclaration') return [];
    return declaration.declarations
      .filter(({ init }) => init?.type === 'ArrowFunctionExpression')
      .map(({ id }) => nameOf(id) ?? '?');
  });
}

type Found = Pick<
  Source,
  'members' | 'emptyConstructions' | 'exportsAll' | 'emptyCatches' | 'variables' | 'testOptions'
>;

function look(program: Program, text: string): Found {
  const members: string[] = [];
  const emptyConstructions: string[] = [];
  const variables: string[] = [];
  const testOptions: { option: string; reason: string | null }[] = [];
  const emptyCatches: number[] = [];
  let exportsAll = false;
  const noteVariable = (name: string | null): void => {
    if (name !== null && VARIABLE.exec(name)?.[0] === name) variables.push(name);
  };
  new Visitor({
    ExportAllDeclaration() {
      exportsAll = true;
    },
    CatchClause(node) {
      if (node.body.body.length === 0) emptyCatches.push(countLines(text.slice(0, node.start)));
    },
    VariableDeclarator(node) {
      if (node.id.type !== 'ObjectPattern' || node.init === null) return;
      const object = dotted(node.init);
      for (const property of node.id.properties) {
        if (property.type === 'Property') members.push(`${object}.${nameOf(property.key) ?? '?'}`);
      }
    },
    MemberExpression(node) {
      const property = node.computed ? literalText(node.property) : nameOf(node.property);
      if (property === null) return;
      const object = dotted(node.object);
      members.push(`${object}.${property}`);
      if (/(?:^|\.)env(?:ironment)?$/.test(object)) noteVariable(property);
    },
    NewExpression(node) {
      if (node.arguments.length === 0) emptyConstructions.push(dotted(node.callee));
    },
    CallExpression(node) {
      const [first, second] = node.arguments;
      if (first === undefined || second === undefined || first.type === 'SpreadElement') return;
      if (second.type !== 'SpreadElement' && /(?:^|\.)env(?:ironment)?$/.test(dotted(first))) {
        noteVariable(literalText(second));
      }
      // A reader that has the environment bound already: `limit('NAME', fallback, …)`.
      noteVariable(literalText(first));
    },
    Property(node) {
      const option = nameOf(node.key);
      if (option !== 'skip' && option !== 'only' && option !== 'todo') return;
      const disabled = node.value.type === 'Literal' && node.value.value === false;
      if (!disabled) testOptions.push({ option, reason: literalText(node.value) });
    },
  }).visit(program);
  return { members, emptyConstructions, exportsAll, emptyCatches, variables, testOptions };
}

type AnyNode = { readonly type: string };

/** `a.b.c` for a chain of plain names; `?` stands for anything else. */
function dotted(node: AnyNode): string {
  const expression = node as Expression;
  if (expression.type === 'Identifier') return expression.name;
  if (expression.type !== 'MemberExpression' || expression.computed) return '?';
  return `${dotted(expression.object)}.${nameOf(expression.property) ?? '?'}`;
}

function nameOf(node: AnyNode): string | null {
  const expression = node as Expression;
  return expression.type === 'Identifier' ? expression.name : null;
}

function literalText(node: AnyNode): string | null {
  const expression = node as Expression;
  return expression.type === 'Literal' && typeof expression.value === 'string' ? expression.value : null;
}
