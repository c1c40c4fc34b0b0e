import { test } from 'node:test'
import { hold, properties } from './properties.ts'

// More of the same with `npm run fuzz`.
const runs = Number(process.env.SLUICE_FUZZ_RUNS ?? 500)

for (const [name, property] of Object.entries(properties)) test(name, () => hold(property, runs))
