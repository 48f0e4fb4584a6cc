/** The workspaces of the repository and their manifests. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A workspace as its `package.json` describes it. */
export interface Workspace {
  /** from the root, such as `packages/media` */
  readonly folder: string;
  readonly name: string;
  readonly dependencies: readonly string[];
  readonly devDependencies: readonly string[];
}

interface Manifest {
  readonly name: string;
  readonly workspaces?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const IGNORED = new Set(['node_modules', 'dist', 'data', 'coverage']);

/** Reads the root manifest and, by its globs (`packages/*` or a plain folder), every workspace's. */
export function readWorkspaces(root: string): { readonly root: Workspace; readonly members: readonly Workspace[] } {
  const manifest = readManifest(root);
  const folders = (manifest.workspaces ?? []).flatMap((glob) => {
    if (!glob.endsWith('/*')) return [glob];
    const parent = glob.slice(0, -2);
    return readdirSync(join(root, parent)).map((name) => `${parent}/${name}`);
  });
  const members = folders
    .filter((folder) => existsSync(join(root, folder, 'package.json')))
    .map((folder) => toWorkspace(folder, readManifest(join(root, folder))));
  return { root: toWorkspace('', manifest), members };
}

/** Every TypeScript and JavaScript file under a folder, from the root, with `/`. */
export function listSourceFiles(root: string, folder: string): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory() && !IGNORED.has(entry.name)) found.push(...listSourceFiles(root, path));
    else if (entry.isFile() && /\.(?:ts|mts|mjs|js)$/.test(entry.name)) found.push(path);
  }
  return found;
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

function toWorkspace(folder: string, manifest: Manifest): Workspace {
  return {
    folder,
    name: manifest.name,
    dependencies: Object.keys(manifest.dependencies ?? {}),
    devDependencies: Object.keys(manifest.devDependencies ?? {}),
  };
}
