/** What the person at the terminal sees of the services: warnings and errors, one short line each, and not too many. */

import type { Clock } from '@headwater/service/clock';
import { OWN_LINE } from './supervised.ts';
import { visible } from './table.ts';

const WINDOW_MS = 10_000;
const LINES_PER_WINDOW = 12;
const LINE_CHARS = 240;

/** Prints at most {@link LINES_PER_WINDOW} lines in {@link WINDOW_MS}; the rest stand in the log files. */
export class Terminal {
  readonly #clock: Clock;
  readonly #write: (line: string) => void;
  #windowStartMs = -Infinity;
  #shown = 0;
  #quiet = false;

  constructor(clock: Clock, write: (line: string) => void) {
    this.#clock = clock;
    this.#write = write;
  }

  /** A service's own line: shown when it is a warning, an error, or not of the log's form at all. */
  serviceLine(service: string, line: string): void {
    const text = readable(line);
    if (text !== null) this.#limited(visible(`${service}: ${text}`.slice(0, LINE_CHARS)));
  }

  /** A line of the supervisor's own. */
  notice(line: string): void {
    this.#limited(line);
  }

  /** While everything ends, who misses whom is no news. */
  hush(): void {
    this.#quiet = true;
  }

  #limited(line: string): void {
    if (this.#quiet) return;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#windowStartMs >= WINDOW_MS) {
      this.#windowStartMs = nowMs;
      this.#shown = 0;
    }
    this.#shown += 1;
    if (this.#shown <= LINES_PER_WINDOW) this.#write(line);
    else if (this.#shown === LINES_PER_WINDOW + 1) this.#write('… more in the log files');
  }
}

/** A log line in words; null for one that only the file should have. */
function readable(line: string): string | null {
  // Why a process cannot start is told once, by the supervisor.
  if (line.trim() === '' || line.startsWith(OWN_LINE)) return null;
  if (!line.startsWith('{')) return line;
  const entry = parse(line);
  if (entry === null) return line;
  const { level, event, at: _at, service: _service, ...fields } = entry;
  if (level !== 'warn' && level !== 'error') return null;
  const facts = Object.entries(fields).map(([name, value]) => `${name}=${String(value)}`);
  return [String(event), ...facts].join(' ');
}

function parse(line: string): Record<string, unknown> | null {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    // Cut short by a crash, or not ours: shown as it stands.
    return null;
  }
}
