#!/usr/bin/env node
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

// From source, what Node has made of each file is kept beside the packages for the next start, which then takes half of the time and 25 MB less;
// hence this file of its own. Where nothing can be written, nothing is kept. The bundle is quick without.
if (import.meta.filename.endsWith('.ts')) enableCompileCache(join(import.meta.dirname, '..', 'node_modules', '.cache', 'sluice'))

const { main } = await import('./command-line.ts')
process.exitCode = await main(process.argv.slice(2))
