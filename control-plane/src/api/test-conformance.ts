/** Holds answers against the OpenAPI document: what is answered must be in it, as it says. */

import assert from 'node:assert/strict';
import { PROBLEM_MEDIA_TYPE } from '@headwater/protocol/problem';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

/** What the checks need of the document. */
export interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>;
}

interface DocumentedOperation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>;
}

/** An answer to a request. */
interface Answered {
  readonly method: string;
  /** with its query */
  readonly path: string;
  readonly status: number;
  readonly contentType: string | null;
  readonly body: unknown;
}

export class Conformance {
  readonly #document: Document;
  readonly #ajv = addFormats.default(new Ajv2020({ strict: false, allErrors: true }));
  /** `OPERATION STATUS` of every answer that was held against it */
  readonly seen = new Set<string>();

  constructor(document: Document) {
    this.#document = document;
    this.#ajv.addSchema(document, 'api');
  }

  /** @throws AssertionError for an answer that is not in the document, or not as it says */
  check({ method, path, status, contentType, body }: Answered): void {
    const found = this.#find(path.split('?')[0] ?? '');
    const verb = method.toLowerCase();
    const operation = found?.methods[verb];
    if (found === undefined || operation === undefined) {
      assert.ok([401, 404, 405].includes(status), `${method} ${path} answers ${status} and is not in the document`);
      return;
    }
    const response = operation.responses[status];
    assert.ok(response !== undefined, `${operation.operationId} answers ${status}, and its document does not say so`);
    this.seen.add(`${operation.operationId} ${status}`);
    const type = contentType?.split(';')[0] ?? '';
    assert.deepEqual(Object.keys(response.content ?? {}), type === '' ? [] : [type], operation.operationId);
    if (type !== 'application/json' && type !== PROBLEM_MEDIA_TYPE) return;
    const pointer = ['paths', found.path, verb, 'responses', String(status), 'content', type, 'schema'];
    const validate = this.#ajv.getSchema(`api#/${pointer.map(escapePointer).join('/')}`);
    assert.ok(validate !== undefined);
    assert.ok(validate(body), `${operation.operationId} ${status}: ${this.#ajv.errorsText(validate.errors)}`);
  }

  /** A path without a name in it comes before one with. */
  #find(path: string): { readonly path: string; readonly methods: Document['paths'][string] } | undefined {
    const fits = ([template]: [string, unknown]): boolean =>
      new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path);
    const found = Object.entries(this.#document.paths).filter(fits);
    const [first] = found.toSorted(([a], [b]) => a.split('{').length - b.split('{').length);
    return first === undefined ? undefined : { path: first[0], methods: first[1] };
  }
}

/** RFC 6901, in a fragment (RFC 3986 §3.5). */
function escapePointer(name: string): string {
  return encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'));
}
