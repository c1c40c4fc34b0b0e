// npm run bundle [-- DIRECTORY]: makes of the source and its packages the few files that images ship, dist/sluice.js first. Node runs them as they
// are; there is nothing to install beside them but the binary of koffi, @koromix/koffi-linux-x64 or -arm64, for those who want Unix datagram sockets.
import { rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { build } from 'esbuild'

const ROOT = join(import.meta.dirname, '..', '..')
const OUT = process.argv[2] ?? join(ROOT, 'dist')

rmSync(OUT, { recursive: true, force: true })
const { metafile } = await build({
  absWorkingDir: ROOT,
  entryPoints: { sluice: 'src/main.ts' },
  outdir: OUT,
  bundle: true,
  // What is imported later stays in a file of its own, and out of memory until then.
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  // The text of a module stays in memory with it. Names are kept, for stack traces.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'external',
  // Packages in CommonJS ask for Node's own modules by require. Some import createRequire, too.
  banner: { js: 'import{createRequire as requireFrom}from"node:module";const require=requireFrom(import.meta.url);' },
  logLevel: 'warning',
  metafile: true
})
for (const [file, { bytes }] of Object.entries(metafile.outputs))
  process.stdout.write(`${String(Math.ceil(bytes / 1024)).padStart(6)} KiB  ${relative(process.cwd(), join(ROOT, file))}\n`)
