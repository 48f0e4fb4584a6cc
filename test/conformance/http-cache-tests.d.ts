/** What the tests read of the public suite of HTTP cache tests, which comes without types. */
declare module 'http-cache-tests/tests/index.mjs' {
  export interface CacheTest {
    readonly id: string;
    /** required where it is absent; checks only ask what a cache does */
    readonly kind?: 'required' | 'optimal' | 'check';
    readonly browser_only?: boolean;
  }
  const suites: readonly { readonly id: string; readonly tests: readonly CacheTest[] }[];
  export default suites;
}
declare module 'http-cache-tests/client/config.mjs' {
  export function setFetch(call: (url: string, init?: RequestInit) => Promise<Response>): void;
  export function setBaseUrl(url: string): void;
}
declare module 'http-cache-tests/client/test.mjs' {
  /** by test: passed, or the kind of failure and its message */
  export const testResults: Record<string, true | readonly [kind: string, message: string]>;
  export function makeCacheTest(test: object): Promise<void>;
}
