// npm run bundle [-- DIRECTORY]: makes of the source and its packages the few files that images ship, dist/sluice.js first. Node runs them as they
// are; there is nothing to install beside them but the binary of koffi, @koromix/koffi-linux-x64 or -arm64, for those who want Unix datagram sockets.
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
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
writeFileSync(join(OUT, 'LICENSES.txt'), licencesOf(Object.keys(metafile.inputs)))
for (const [file, { bytes }] of Object.entries(metafile.outputs))
  process.stdout.write(`${String(Math.ceil(bytes / 1024)).padStart(6)} KiB  ${relative(process.cwd(), join(ROOT, file))}\n`)

/** The licences of the packages inside: each text once, below the packages that come with it. */
function licencesOf(files: readonly string[]): string {
  const directories = new Set(
    files.map((file) => /^.*\bnode_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0]).filter((path) => path !== undefined)
  )
  const packagesByText = new Map<string, string[]>()
  for (const directory of [...directories].sort()) {
    const path = join(ROOT, directory)
    const { name, version, license } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) as Record<string, string>
    const texts = readdirSync(path).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file) && statSync(join(path, file)).isFile())
    const text = texts.map((file) => readFileSync(join(path, file), 'utf8').trim()).join('\n\n')
    packagesByText.set(text, [...(packagesByText.get(text) ?? []), `${name} ${version}: ${license}`])
  }
  return [...packagesByText].map(([text, packages]) => `${packages.join('\n')}\n\n${text}\n`).join(`\n${'-'.repeat(80)}\n\n`)
}
