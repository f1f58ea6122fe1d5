// Bundles the host page: node bundle.mjs FOLDER.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';

const here = path.dirname(fileURLToPath(import.meta.url));
const outdir = path.resolve(process.argv[2]);

// All packages are taken as require() takes them: esbuild would give Grafana's
// ES modules wrong default exports, and the page two copies of React's state.
const required = {
  name: 'required',
  setup(build) {
    build.onResolve({ filter: /^[^./]/ }, async (args) => {
      if (args.kind !== 'import-statement' && args.kind !== 'dynamic-import') {
        return undefined;
      }
      const { importer, resolveDir } = args;
      const found = await build.resolve(args.path, { importer, resolveDir, kind: 'require-call' });
      return found.errors.length > 0 ? undefined : found;
    });
  },
};

// React's development form writes to the console what a plugin does wrong.
const common = {
  absWorkingDir: here,
  outdir,
  bundle: true,
  minify: true,
  define: { 'process.env.NODE_ENV': '"development"', global: 'window' },
  logLevel: 'warning',
};
await esbuild.build({
  ...common,
  entryPoints: { page: 'page/index.tsx' },
  jsx: 'automatic',
  plugins: [required],
  loader: { '.ttf': 'dataurl', '.woff': 'dataurl', '.woff2': 'dataurl', '.svg': 'dataurl' },
});
await esbuild.build({ ...common, entryPoints: { 'editor.worker': 'monaco-editor/esm/vs/editor/editor.worker.js' } });
