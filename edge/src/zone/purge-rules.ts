/**
 * The purges that were ordered, in their order, and what each object has to do with them. An object is looked at when it is
 * asked for: against the purges since its last look, so that an order takes effect at once however much is stored.
 */

import type { Purge } from '@headwater/protocol/feed';
import { type PurgeTarget, readPurge } from '@headwater/protocol/purge-scope';
import { ANY_HOST } from '@headwater/protocol/zone';
import type { PurgeMark } from './entry.ts';
import { ANY_TAG } from './tags.ts';

/** An object as purges name it. */
export interface Purgeable {
  /** `''` for a zone that names no hosts */
  readonly host: string;
  /** the one spelling of its path, and its query */
  readonly path: string;
  readonly tags: readonly string[];
  readonly mark: PurgeMark;
}

/** The newest purges of one thing; 0 for none. */
interface Rule {
  hardSeq: number;
  softSeq: number;
}

export type PurgeOrder = PurgeTarget & Pick<Purge, 'soft'>;

/** What a run before this one knew: what it has stored was held against all purges but these. */
interface KnownRules {
  /** the highest number that was given out */
  readonly sequence: number;
  readonly rules: readonly { readonly sequence: number; readonly rule: PurgeOrder }[];
}

/**
 * So many different things are remembered, a URL or prefix with a host being two. Beyond, the oldest falls to the floor: what is
 * older than it, and was not looked at since, counts as purged by it. Forgetting purges too much, never too little.
 */
export const RULE_LIMIT = 10_000;

export class PurgeRules {
  /** `t TAG`, `u HOST PATH`, `p HOST PATH` → the newest purges of that; the map's order is that of time */
  readonly #rules = new Map<string, Rule>();
  /** how many prefixes there are of each length: the lengths that a path must be cut to */
  readonly #prefixLengths = new Map<number, number>();
  /** of whatever tag: for objects with more tags than are kept */
  readonly #anyTag: Rule = { hardSeq: 0, softSeq: 0 };
  /** of everything, or of what is not remembered any more */
  readonly #floor: Rule = { hardSeq: 0, softSeq: 0 };
  #seq: number;

  constructor({ sequence, rules }: KnownRules = { sequence: 0, rules: [] }) {
    this.#seq = 0;
    for (const known of rules) this.order(known.rule, known.sequence);
    this.#seq = sequence;
  }

  /** The number of the last purge: what a fetch that begins now will stand after. */
  get seq(): number {
    return this.#seq;
  }

  /** Takes an order; from now on it holds. Its number is higher than any before. */
  order(purge: PurgeOrder, seq = this.#seq + 1): void {
    this.#seq = seq;
    const own = purge.soft ? { hardSeq: 0, softSeq: this.#seq } : { hardSeq: this.#seq, softSeq: 0 };
    const things = thingsOf(purge);
    if (things === 'all') raise(this.#floor, own);
    else for (const thing of things) this.#remember(thing, own);
  }

  /** What the purges made of an object; remembered in its mark. */
  judge(object: Purgeable): 'kept' | 'stale' | 'gone' {
    const { mark } = object;
    if (!mark.isVoid && mark.checkedSeq !== this.#seq) this.#look(object, mark);
    if (mark.isVoid) return 'gone';
    return mark.isStale ? 'stale' : 'kept';
  }

  #look({ host, path, tags }: Purgeable, mark: PurgeMark): void {
    const newest: Rule = { ...this.#floor };
    for (const tag of tags) raise(newest, tag === ANY_TAG ? this.#anyTag : this.#rules.get(tagThing(tag)));
    for (const where of ['', host === '' ? ANY_HOST : host]) {
      raise(newest, this.#rules.get(placeThing('url', where, path)));
      for (const length of this.#prefixLengths.keys()) {
        if (length <= path.length) raise(newest, this.#rules.get(placeThing('prefix', where, path.slice(0, length))));
      }
    }
    // A number that was never given is one of another run: what was purged since is not known.
    if (newest.hardSeq > mark.checkedSeq || mark.checkedSeq > this.#seq) mark.isVoid = true;
    if (newest.softSeq > mark.checkedSeq) mark.isStale = true;
    mark.checkedSeq = this.#seq;
  }

  #remember(thing: string, own: Readonly<Rule>): void {
    const rule = this.#rules.get(thing) ?? { hardSeq: 0, softSeq: 0 };
    raise(rule, own);
    if (!this.#rules.delete(thing)) this.#countPrefix(thing, 1);
    this.#rules.set(thing, rule);
    if (thing.startsWith('t')) raise(this.#anyTag, own);
    const oldest = this.#rules.entries().next().value;
    if (this.#rules.size <= RULE_LIMIT || oldest === undefined) return;
    this.#rules.delete(oldest[0]);
    this.#countPrefix(oldest[0], -1);
    raise(this.#floor, oldest[1]);
  }

  #countPrefix(thing: string, change: 1 | -1): void {
    if (!thing.startsWith('p')) return;
    const length = thing.length - thing.indexOf(' ', 2) - 1;
    const count = (this.#prefixLengths.get(length) ?? 0) + change;
    if (count === 0) this.#prefixLengths.delete(length);
    else this.#prefixLengths.set(length, count);
  }
}

/**
 * What a purge is of, as the rules name it. One without a host is for every one, which is the empty one; one with a host is for
 * objects under that, and for those of zones for any host, which stand under `*`.
 */
function thingsOf(purge: PurgeTarget): readonly string[] | 'all' {
  const scope = readPurge(purge);
  if (typeof scope === 'string') return [];
  switch (scope.kind) {
    case 'all':
      return 'all';
    case 'tag':
      return [tagThing(scope.tag)];
    case 'url':
    case 'prefix': {
      const { kind, host, name } = scope;
      return (host === null ? [''] : [host, ANY_HOST]).map((where) => placeThing(kind, where, name));
    }
  }
}

function tagThing(tag: string): string {
  return `t ${tag}`;
}

function placeThing(kind: 'url' | 'prefix', host: string, path: string): string {
  return `${kind === 'url' ? 'u' : 'p'} ${host} ${path}`;
}

function raise(rule: Rule, by: Readonly<Rule> | undefined): void {
  if (by === undefined) return;
  rule.hardSeq = Math.max(rule.hardSeq, by.hardSeq);
  rule.softSeq = Math.max(rule.softSeq, by.softSeq);
}
