/** Bundles the service in the working directory into dist/main.js: our own packages inlined, npm's left to node_modules. */

import { type Plugin, build } from 'esbuild';

const npmStaysOutside: Plugin = {
  name: 'npm-stays-outside',
  setup(bundle) {
    bundle.onResolve({ filter: /^[^./]/ }, ({ path, kind }) => {
      return kind === 'entry-point' || path.startsWith('@headwater/') ? null : { path, external: true };
    });
  },
};

await build({
  entryPoints: ['src/main.ts'],
  outfile: 'dist/main.js',
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  sourcemap: true,
  plugins: [npmStaysOutside],
  logLevel: 'warning',
});
