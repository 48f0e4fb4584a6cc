/**
 * POSIX extended regular expressions (IEEE 1003.1 §9.4, POSIX locale), as RFC 9246's `regex:` containers want them. Matching
 * simulates an NFA: its time is states × characters whatever the pattern, where JavaScript's own engine backtracks and a
 * customer's `(a+)+` would stop the door.
 *
 * What the standard leaves undefined is refused: an escaped letter or digit, a repetition of nothing, `{` as itself.
 */

/** A pattern ready to match. */
export interface PosixRegex {
  readonly steps: readonly Step[];
}

type Step =
  | { readonly kind: 'byte'; readonly set: CharSet }
  | { readonly kind: 'fork'; first: number; second: number }
  | { readonly kind: 'begin' }
  | { readonly kind: 'end' }
  | { readonly kind: 'accept' };

/** 1 at the code of each member; URIs are ASCII, so are patterns. */
type CharSet = Uint8Array;

type Tree =
  | { readonly kind: 'set'; readonly set: CharSet }
  | { readonly kind: 'begin' | 'end' }
  | { readonly kind: 'sequence' | 'choice'; readonly parts: readonly Tree[] }
  | { readonly kind: 'repeat'; readonly part: Tree; readonly min: number; readonly max: number };

/** Longer patterns are refused. */
export const PATTERN_LIMIT_CHARS = 1_024;
/** Patterns that need more steps, counted repetitions written out, are refused. */
export const STEP_LIMIT = 2_000;
/** A match that takes more steps is none: it bounds the time that one request can take, to about 10 ms. */
export const WORK_LIMIT = 200_000;
/** RE_DUP_MAX: the highest count in braces. */
const COUNT_LIMIT = 255;
const CODES = 128;

const CLASSES: Readonly<Record<string, RegExp>> = {
  alnum: /[0-9A-Za-z]/,
  alpha: /[A-Za-z]/,
  blank: /[ \t]/,
  cntrl: /[^ -~]/,
  digit: /[0-9]/,
  graph: /[!-~]/,
  lower: /[a-z]/,
  print: /[ -~]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[ \t\n\v\f\r]/,
  upper: /[A-Z]/,
  xdigit: /[0-9A-Fa-f]/,
};

/**
 * Prepares a pattern.
 * @returns null when it is not a POSIX extended regular expression, or is beyond the limits
 */
export function compilePosixRegex(pattern: string): PosixRegex | null {
  if (pattern.length > PATTERN_LIMIT_CHARS || !/^[ -~]*$/.test(pattern)) return null;
  try {
    const steps: Step[] = [];
    emit(new Parser(pattern).parse(), steps);
    push(steps, { kind: 'accept' });
    return { steps };
  } catch (error) {
    if (error instanceof PatternError) return null;
    throw error;
  }
}

/** Whether the pattern matches the whole of `text`, from its first character to its last, within {@link WORK_LIMIT}. */
export function matchesWhole(regex: PosixRegex, text: string): boolean {
  const { steps } = regex;
  const seenAt = new Int32Array(steps.length).fill(-1);
  let active: number[] = [];
  let work = 0;
  follow(0, 0);
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    const current = active;
    active = [];
    for (const at of current) {
      const step = steps[at] as Step;
      if (step.kind === 'byte' && step.set[code] === 1) follow(at + 1, index + 1);
    }
    if (active.length === 0 || work > WORK_LIMIT) return false;
  }
  return active.some((at) => steps[at]?.kind === 'accept');

  /** Makes active whatever can be reached from a step without reading a character. */
  function follow(start: number, position: number): void {
    const pending = [start];
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      work += 1;
      if (seenAt[at] === position) continue;
      seenAt[at] = position;
      const step = steps[at] as Step;
      if (step.kind === 'fork') pending.push(step.second, step.first);
      else if (step.kind === 'begin') pending.push(...(position === 0 ? [at + 1] : []));
      else if (step.kind === 'end') pending.push(...(position === text.length ? [at + 1] : []));
      else active.push(at);
    }
  }
}

class PatternError extends Error {}

function emit(tree: Tree, steps: Step[]): void {
  switch (tree.kind) {
    case 'set':
      push(steps, { kind: 'byte', set: tree.set });
      return;
    case 'begin':
    case 'end':
      push(steps, { kind: tree.kind });
      return;
    case 'sequence':
      for (const part of tree.parts) emit(part, steps);
      return;
    case 'choice':
      emitChoice(tree.parts, steps);
      return;
    case 'repeat':
      emitRepeat(tree, steps);
  }
}

function emitChoice(parts: readonly Tree[], steps: Step[]): void {
  const exits: { first: number; second: number }[] = [];
  for (const [index, part] of parts.entries()) {
    const last = index === parts.length - 1;
    const fork = last ? null : fallThrough(steps);
    emit(part, steps);
    if (fork === null) continue;
    exits.push(fallThrough(steps));
    fork.second = steps.length;
  }
  for (const exit of exits) exit.first = exit.second = steps.length;
}

function emitRepeat(tree: Extract<Tree, { kind: 'repeat' }>, steps: Step[]): void {
  for (let count = 0, before = -1; count < tree.min && before !== steps.length; count += 1) {
    // What took no step takes none the next time: without this, nothing by nested counts would never end.
    before = steps.length;
    emit(tree.part, steps);
  }
  if (tree.max === Infinity) {
    const start = steps.length;
    const fork = fallThrough(steps);
    emit(tree.part, steps);
    const back = fallThrough(steps);
    back.first = back.second = start;
    fork.second = steps.length;
    return;
  }
  const forks: { second: number }[] = [];
  for (let count = tree.min; count < tree.max; count += 1) {
    forks.push(fallThrough(steps));
    emit(tree.part, steps);
  }
  for (const fork of forks) fork.second = steps.length;
}

/** A fork whose first way is the next step; the caller sets the second. */
function fallThrough(steps: Step[]): { first: number; second: number } {
  const fork = { kind: 'fork' as const, first: steps.length + 1, second: steps.length + 1 };
  push(steps, fork);
  return fork;
}

function push(steps: Step[], step: Step): void {
  if (steps.length >= STEP_LIMIT) throw new PatternError('too many steps');
  steps.push(step);
}

/** Made once: most of a pattern is single characters. */
const SINGLES: readonly CharSet[] = Array.from({ length: CODES }, (_, code) =>
  new Uint8Array(CODES).fill(1, code, code + 1),
);
const ANY: CharSet = new Uint8Array(CODES).fill(1, 1);

function only(char: string): Tree {
  return { kind: 'set', set: SINGLES[char.charCodeAt(0)] as CharSet };
}

/** Recursive descent over the grammar of §9.5.3. */
class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Tree {
    const tree = this.#choice();
    if (this.#at < this.#text.length) throw new PatternError('unmatched )');
    return tree;
  }

  #choice(): Tree {
    const parts = [this.#sequence()];
    while (this.#take('|')) parts.push(this.#sequence());
    return parts.length === 1 ? (parts[0] as Tree) : { kind: 'choice', parts };
  }

  #sequence(): Tree {
    const parts: Tree[] = [];
    while (this.#at < this.#text.length && !'|)'.includes(this.#peek())) parts.push(this.#repeated(this.#atom()));
    return { kind: 'sequence', parts };
  }

  #repeated(part: Tree): Tree {
    if (this.#take('*')) return this.#repeated({ kind: 'repeat', part, min: 0, max: Infinity });
    if (this.#take('+')) return this.#repeated({ kind: 'repeat', part, min: 1, max: Infinity });
    if (this.#take('?')) return this.#repeated({ kind: 'repeat', part, min: 0, max: 1 });
    if (!this.#take('{')) return part;
    const counts = /^(\d{1,3})(,(\d{1,3})?)?\}/.exec(this.#text.slice(this.#at));
    if (counts === null) throw new PatternError('bad count');
    this.#at += counts[0].length;
    const min = Number(counts[1]);
    const upper = counts[3] === undefined ? Infinity : Number(counts[3]);
    const max = counts[2] === undefined ? min : upper;
    if (min > COUNT_LIMIT || (max !== Infinity && (max > COUNT_LIMIT || max < min)))
      throw new PatternError('bad count');
    return this.#repeated({ kind: 'repeat', part, min, max });
  }

  #atom(): Tree {
    const char = this.#next();
    switch (char) {
      case '(': {
        const tree = this.#choice();
        if (!this.#take(')')) throw new PatternError('unmatched (');
        return tree;
      }
      case '[':
        return { kind: 'set', set: this.#bracket() };
      case '.':
        return { kind: 'set', set: ANY };
      case '^':
        return { kind: 'begin' };
      case '$':
        return { kind: 'end' };
      case '\\': {
        const escaped = this.#next();
        if (/[0-9A-Za-z]/.test(escaped)) throw new PatternError('undefined escape');
        return only(escaped);
      }
      case '*':
      case '+':
      case '?':
      case '{':
        throw new PatternError('repetition of nothing');
      default:
        return only(char);
    }
  }

  /** §9.3.5. `\` is itself in here; `]` is, when it comes first. */
  #bracket(): CharSet {
    const negated = this.#take('^');
    const set = new Uint8Array(CODES);
    for (let first = true; first || this.#peek() !== ']'; first = false) {
      if (this.#text.startsWith('[:', this.#at)) this.#named(set);
      else this.#range(set);
    }
    this.#at += 1;
    return negated ? set.map((member) => 1 - member) : set;
  }

  #named(set: CharSet): void {
    const name = /^\[:([a-z]+):\]/.exec(this.#text.slice(this.#at));
    const members = name?.[1] === undefined || !Object.hasOwn(CLASSES, name[1]) ? undefined : CLASSES[name[1]];
    if (name === null || members === undefined) throw new PatternError('unknown class');
    this.#at += name[0].length;
    for (let code = 0; code < CODES; code += 1) if (members.test(String.fromCharCode(code))) set[code] = 1;
  }

  #range(set: CharSet): void {
    const low = this.#member();
    const isRange = this.#peek() === '-' && this.#text[this.#at + 1] !== ']';
    if (isRange) this.#at += 1;
    const high = isRange ? this.#member() : low;
    if (high < low) throw new PatternError('range in reverse');
    set.fill(1, low.charCodeAt(0), high.charCodeAt(0) + 1);
  }

  #member(): string {
    if (/^\[[.=]/.test(this.#text.slice(this.#at, this.#at + 2)))
      throw new PatternError('collating symbols have no use here');
    return this.#next();
  }

  #peek(): string {
    const char = this.#text[this.#at];
    if (char === undefined) throw new PatternError('pattern ends early');
    return char;
  }

  #next(): string {
    const char = this.#peek();
    this.#at += 1;
    return char;
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at += 1;
    return true;
  }
}
