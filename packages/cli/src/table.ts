/** Rows for people, columns as wide as they need to be. */

/** Lines of a table with a heading. */
export function formatTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [columns, ...rows.map((row) => row.map(visible))];
  const widths = columns.map((_, index) => Math.max(...all.map((row) => (row[index] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd();
  return all.map(line).join('\n');
}

/** A request's path, a node's word: whoever wrote it must not write to the terminal. */
export function visible(cell: string): string {
  return cell.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}
