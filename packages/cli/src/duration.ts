/** Durations as people write them: 90s, 15m, 1h, 7d. */

import { InvalidArgumentError } from 'commander';

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** @throws InvalidArgumentError for anything else */
export function parseSeconds(text: string): number {
  const [, amount, unit = 's'] = /^(\d{1,9})([smhd])?$/.exec(text) ?? [];
  if (amount === undefined) throw new InvalidArgumentError('wants a duration such as 90s, 15m, 1h or 7d.');
  return Number(amount) * (UNITS[unit] ?? 1);
}
