/** Log lines: one JSON object a line on standard error, for people and for machines. */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Facts of one line. Secrets never go in; URLs go in without their token. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Writes a line; `event` is a stable name such as `publish_accepted`. */
export interface Log {
  (level: LogLevel, event: string, fields?: LogFields): void;
}

const ORDER: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

interface LogOptions {
  readonly service: string;
  readonly level: LogLevel;
  readonly nowMs: () => number;
  readonly write?: (line: string) => void;
}

/** A log that drops lines below `level`. */
export function createLog(options: LogOptions): Log {
  const { service, nowMs } = options;
  const least = ORDER.indexOf(options.level);
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  return (level, event, fields) => {
    if (ORDER.indexOf(level) < least) return;
    write(`${JSON.stringify({ at: new Date(nowMs()).toISOString(), level, service, event, ...fields })}\n`);
  };
}
