import type { FieldList } from './fields.ts';

/** What a cache reads of a request. */
export interface RequestHead {
  /** in upper case */
  readonly method: string;
  readonly fields: FieldList;
}
