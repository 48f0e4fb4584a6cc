/** Positions in the log, as every store writes them: the log's id, a dot, and numbers that grow, joined by hyphens. */

/** Whether a position is at another one or after it. Positions of different logs do not compare. */
export function reaches(cursor: string, target: string): boolean {
  const [log, at = ''] = cursor.split('.');
  const [targetLog, targetAt = ''] = target.split('.');
  if (log !== targetLog) return false;
  const [ours, theirs] = [at.split('-').map(Number), targetAt.split('-').map(Number)];
  for (const [index, number] of theirs.entries()) {
    const difference = (ours[index] ?? 0) - number;
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/** The log's part of a feed cursor. */
export function logCursorOf(feedCursor: string): string {
  return feedCursor.split('~', 1)[0] ?? '';
}
