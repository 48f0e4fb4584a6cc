/** Where the edge does not do what the suite's published version wants, and why. Whatever else fails is a fault. */

interface Difference {
  readonly tests: readonly string[];
  readonly reason: string;
}

/** It was published before RFC 9111. */
const REQUIRED: readonly Difference[] = [
  {
    tests: [
      'age-parse-dup-0',
      'age-parse-dup-0-twoline',
      'age-parse-dup-old',
      'age-parse-float',
      'age-parse-negative',
      'age-parse-nonnumeric',
      'age-parse-numeric-parameter',
      'age-parse-parameter',
      'age-parse-prefix-twoline',
    ],
    reason: 'RFC 9111 §5.1: of several values of Age the first counts, and one that is no count of seconds is ignored',
  },
  {
    tests: [
      'stale-close-must-revalidate',
      'stale-close-proxy-revalidate',
      'stale-close-no-cache',
      'stale-close-s-maxage=2',
    ],
    reason: 'the origin is gone: a 502 of the edge’s own lacks the count that this version knows an answer by',
  },
  {
    tests: ['304-etag-update-response-Content-MD5'],
    reason: 'RFC 9111 §3.2 updates all but Content-Length and what the stored bytes depend upon',
  },
  {
    tests: ['304-etag-update-response-ETag'],
    reason:
      'a 304 with another strong tag is about something else (RFC 9111 §4.3.4), and the content is fetched (decision 18)',
  },
];

const OPTIMAL: readonly Difference[] = [
  {
    tests: [
      'partial-store-partial-complete',
      'partial-store-partial-reuse-partial',
      'partial-store-partial-reuse-partial-absent',
      'partial-store-partial-reuse-partial-byterange',
      'partial-store-partial-reuse-partial-suffix',
    ],
    reason:
      'they have no validator, and all but one a body shorter than its Content-Range: parts are kept only where a strong ' +
      'validator shows what they are parts of (RFC 9111 §3.4)',
  },
  {
    tests: ['conditional-lm-fresh-no-lm'],
    reason: 'an If-Modified-Since older than the response’s Date gets no 304 (RFC 9111 §4.3.2)',
  },
  {
    tests: ['vary-normalise-lang-select'],
    reason: 'a response is not chosen by its Content-Language for a request that it was not made for (decision 18)',
  },
  { tests: ['method-POST'], reason: 'only GET is stored, though RFC 9110 §9.3.3 allows more' },
];

/** Why a test may fail, by its name. */
export const DIFFERENCES: ReadonlyMap<string, string> = new Map(
  [...REQUIRED, ...OPTIMAL].flatMap(({ tests, reason }) => tests.map((id) => [id, reason] as const)),
);
