#!/usr/bin/env node
import { enableCompileCache, registerHooks } from 'node:module'
import { join } from 'node:path'

if (import.meta.filename.endsWith('.ts')) {
  // From source, what Node has made of each file is kept beside the packages for the next start, which then takes half of the time and 25 MB less;
  // hence this file of its own. Where nothing can be written, nothing is kept. The bundle is quick without.
  enableCompileCache(join(import.meta.dirname, '..', 'node_modules', '.cache', 'sluice'))
  // zod brings its messages in fifty languages, 4 MB and 20 ms. Ours are in one; the bundle leaves the others out by itself.
  registerHooks({
    resolve: (specifier, context, next) => next(specifier === '../locales/index.js' ? '../locales/en.js' : specifier, context)
  })
}

const { main } = await import('./command-line.ts')
process.exitCode = await main(process.argv.slice(2))
