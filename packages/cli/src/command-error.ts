/** What the person at the terminal has to know or mend: one line, and the exit code of the command (sysexits.h). */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
