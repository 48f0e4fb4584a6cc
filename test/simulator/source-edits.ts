/**
 * Changes to sources as they are loaded; nothing on disk changes. Each is in one place: a text that must stand exactly once in
 * its file, and what stands there instead.
 */

import { registerHooks } from 'node:module';
import { relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface SourceEdit {
  /** from the repository's root */
  readonly file: string;
  readonly text: string;
  readonly replacement: string;
}

const ROOT = resolve(import.meta.dirname, '../..');

/**
 * Edits what is loaded from now on.
 * @returns the edits that have not been made yet
 */
export function editSources(edits: readonly SourceEdit[]): () => readonly SourceEdit[] {
  const waiting = new Set(edits);
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (!url.startsWith('file:')) return loaded;
      const file = relative(ROOT, fileURLToPath(url));
      const own = edits.filter((edit) => edit.file === file);
      if (own.length === 0) return loaded;
      let source = textOf(loaded.source);
      for (const edit of own) {
        source = edited(source, edit);
        waiting.delete(edit);
      }
      return { ...loaded, source };
    },
  });
  return () => [...waiting];
}

/**
 * A source with one edit made.
 * @throws RangeError when its text does not stand there exactly once
 */
export function edited(source: string, { file, text, replacement }: SourceEdit): string {
  const count = source.split(text).length - 1;
  if (count !== 1) throw new RangeError(`${file} has ${count} times, not once: ${text}`);
  return source.replace(text, () => replacement);
}

function textOf(source: string | ArrayBuffer | NodeJS.TypedArray | undefined): string {
  if (typeof source === 'string') return source;
  return source === undefined ? '' : new TextDecoder().decode(source);
}
