/** Failures of starting that an operator can mend: one line, no stack. */

import { ListenError } from '@headwater/service/listen';

/** ffmpeg is missing, or lacks what the ladder needs. The process frame prints it as it prints a port that is taken. */
export class EncoderMissingError extends ListenError {}
