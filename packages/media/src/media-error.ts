/**
 * What every parser of this package throws on input that it cannot read, and every writer on values that its format
 * cannot hold. Any other exception that leaves this package is a bug.
 */
export class MediaError extends Error {
  /** stable, snake_case, such as `box_truncated` */
  readonly code: string;
  /** of the offending byte in the input as the caller counts it; 0 from a writer */
  readonly offset: number;

  constructor(code: string, offset: number, message: string) {
    super(`${message} (${code} at byte ${offset})`);
    this.name = 'MediaError';
    this.code = code;
    this.offset = offset;
  }
}
