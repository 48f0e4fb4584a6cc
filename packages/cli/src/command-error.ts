/** What the person at the terminal has to know or mend: one line, and the exit code of the command (sysexits.h). */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;
  /** of the control plane, where that refused */
  readonly code: string | undefined;

  constructor(message: string, exitCode = 1, code?: string) {
    super(message);
    this.code = code;
    this.exitCode = exitCode;
  }
}
