/** Failures with a meaning of their own: those of starting, which an operator can mend, and those of a publisher. */

import type { ProblemCode } from '@headwater/protocol/problem';
import { ListenError } from '@headwater/service/listen';

/** ffmpeg is missing, or lacks what the ladder needs. The process frame prints it as it prints a port that is taken. */
export class EncoderMissingError extends ListenError {}

/** What a publisher sends is not taken here. */
export class PublishError extends Error {
  readonly code: ProblemCode;

  constructor(code: ProblemCode, message: string) {
    super(message);
    this.code = code;
  }
}
