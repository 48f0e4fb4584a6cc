/**
 * The purges that were ordered, in their order, and what each object has to do with them. An object is looked at when it is
 * asked for: against the purges since its last look, so that an order takes effect at once however much is stored.
 */

import type { Purge } from '@headwater/protocol/feed';
import { readPath } from './request-target.ts';
import type { PurgeMark } from './entry.ts';

/** An object as purges name it. */
export interface Purgeable {
  /** `''` for a zone that names no hosts */
  readonly host: string;
  /** the one spelling of its path, and its query */
  readonly path: string;
  readonly tags: readonly string[];
  readonly mark: PurgeMark;
}

interface Rule {
  readonly seq: number;
  readonly isSoft: boolean;
  readonly matches: (object: Purgeable) => boolean;
}

/** Rules that are remembered; what is older than the first of them and was not looked at since is gone. */
export const RULE_LIMIT = 10_000;

export class PurgeRules {
  #rules: Rule[] = [];
  #seq = 0;
  /** objects that were looked at no later than this may have missed a rule that is not remembered any more */
  #forgottenSeq = 0;

  /** How many purges there were: what a fetch that begins now will stand after. */
  get seq(): number {
    return this.#seq;
  }

  /** Takes an order; from now on it holds. */
  order(purge: Pick<Purge, 'url' | 'prefix' | 'tag' | 'all' | 'soft'>): void {
    this.#seq += 1;
    this.#rules.push({ seq: this.#seq, isSoft: purge.soft, matches: matcherOf(purge) });
    // Half at once, so that the list is not copied at every order.
    if (this.#rules.length <= RULE_LIMIT) return;
    this.#forgottenSeq = this.#rules[RULE_LIMIT / 2 - 1]?.seq ?? 0;
    this.#rules = this.#rules.slice(RULE_LIMIT / 2);
  }

  /** What the purges made of an object; remembered in its mark. */
  judge(object: Purgeable): 'kept' | 'stale' | 'gone' {
    const { mark } = object;
    if (!mark.isVoid && mark.checkedSeq < this.#seq) this.#look(object, mark);
    if (mark.isVoid) return 'gone';
    return mark.isStale ? 'stale' : 'kept';
  }

  #look(object: Purgeable, mark: PurgeMark): void {
    if (mark.checkedSeq < this.#forgottenSeq) mark.isVoid = true;
    for (const rule of this.#since(mark.checkedSeq)) {
      if (mark.isVoid) break;
      if (!rule.matches(object)) continue;
      if (rule.isSoft) mark.isStale = true;
      else mark.isVoid = true;
    }
    mark.checkedSeq = this.#seq;
  }

  /** Rules have consecutive numbers. */
  #since(seq: number): readonly Rule[] {
    const [first] = this.#rules;
    return first === undefined ? [] : this.#rules.slice(Math.max(0, seq + 1 - first.seq));
  }
}

const HOSTED = /^https?:\/\/([^/?]*)(.*)$/is;
const PORT = /:\d*$/;

function matcherOf({ url, prefix, tag, all }: Pick<Purge, 'url' | 'prefix' | 'tag' | 'all'>): Rule['matches'] {
  if (all === true) return () => true;
  if (tag !== undefined) return ({ tags }) => tags.includes(tag);
  const place = placeOf(url ?? prefix ?? '');
  const isHost = ({ host }: Purgeable): boolean => host === '' || place.host === '' || host === place.host;
  if (url !== undefined) return (object) => object.path === place.path && isHost(object);
  return (object) => object.path.startsWith(place.path) && isHost(object);
}

function placeOf(url: string): { readonly host: string; readonly path: string } {
  const [, authority = '', rest = url] = HOSTED.exec(url) ?? [];
  const [path = '', ...query] = rest.split('?');
  const read = readPath(path === '' ? '/' : path);
  const name = read.ok ? read.name : path;
  return { host: authority.toLowerCase().replace(PORT, ''), path: [name, ...query].join('?') };
}
