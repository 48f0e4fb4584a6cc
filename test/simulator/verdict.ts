/** What the judges are given and what they say. */

import type { Asked, Exchange, Transcript } from './exchange.ts';
import type { Bounds } from './rfc9111.ts';

/** What a system under test has promised besides RFC 9111. */
export interface Promises {
  readonly bounds: Bounds;
  /** it caches: one fetch for all who ask together, and none while it is fresh */
  readonly caches: boolean;
  /** its name in Cache-Status (RFC 9211), or null where it sends none */
  readonly cacheStatus: string | null;
  /** who reads an answer whose origin dies gets all of it where that is possible */
  readonly resumes: boolean;
}

/** Something that must not have been. */
export interface Violation {
  /** which rule; a few words that stay the same */
  readonly rule: string;
  readonly step: number;
  readonly detail: string;
}

/** What each judge is given. */
export interface Case {
  readonly asked: Asked;
  /** the origin's answer whose fields these are; null for an answer of the edge's own */
  readonly source: Exchange | null;
  readonly transcript: Transcript;
  readonly promises: Promises;
  readonly note: (rule: string, detail: string) => void;
}
