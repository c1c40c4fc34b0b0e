import { deepStrictEqual, ok } from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'

const SRC = join(import.meta.dirname, '..', 'src')

interface Import {
  readonly from: string
  readonly to: string
  /** Types are gone before the code runs: they bind nobody. */
  readonly typeOnly: boolean
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))

const imports: Import[] = files.flatMap((from) =>
  Array.from(
    readFileSync(join(SRC, from), 'utf8').matchAll(/^(?:import|export)(\s+type)?\s[^'"]*?from\s+'(\.[^']+\.ts)'|\bimport\('(\.[^']+)'\)/gm),
    ([, type, fixed, lazy]): Import => ({ from, to: relative(SRC, join(SRC, dirname(from), fixed ?? lazy)), typeOnly: type !== undefined })
  )
)

const COMPONENTS = ['receivers', 'processors', 'exporters']

/** The layer of a file; each component is one, and so is each command. */
function layerOf(file: string): string {
  const [first, second] = file.split('/')
  if (COMPONENTS.includes(first) || first === 'commands') return `${first}/${second.replace(/\.ts$/, '')}`
  return second === undefined || OPTIONS.includes(file) ? file.replace(/\.ts$/, '') : first
}

/** Of the room `config`, what components state their options with. */
const OPTIONS = ['config/schema.ts', 'config/client-options.ts']

const CONTRACTS = ['batch', 'component', 'errors', 'config/schema', 'config/client-options']

/** What each layer may import besides itself. */
const ALLOWED: Record<string, readonly string[]> = {
  otlp: [],
  queue: [],
  batch: ['otlp', ...CONTRACTS],
  component: ['otlp', ...CONTRACTS],
  errors: ['otlp', ...CONTRACTS],
  'config/schema': ['config', 'otlp', ...CONTRACTS],
  'config/client-options': ['config/schema'],
  config: CONTRACTS,
  net: ['errors', 'memory'],
  facts: ['errors'],
  telemetry: ['errors'],
  sentry: ['errors'],
  datadog: [],
  msgpack: ['errors'],
  logs: ['memory', 'otlp', 'telemetry', ...CONTRACTS],
  main: ['command-line'],
  trim: [],
  heap: [],
  memory: [],
  component_: ['otlp', 'logs', 'sentry', 'datadog', 'msgpack', 'net', 'facts', 'telemetry', ...CONTRACTS],
  ledger: CONTRACTS,
  account: ['ledger', ...CONTRACTS],
  entry: ['ledger', ...CONTRACTS],
  pipeline: ['ledger', 'memory', 'entry', 'queue', 'telemetry', ...CONTRACTS],
  delivery: ['account', 'entry', 'otlp', 'queue', 'telemetry', ...CONTRACTS],
  deliveries: ['account', 'delivery', 'ledger', 'queue', 'telemetry', ...CONTRACTS],
  daemon: ['telemetry'],
  readiness: [],
  assembly: ['config', 'deliveries', 'pipeline', ...CONTRACTS],
  'show-books': ['deliveries', 'ledger', 'queue', 'telemetry', ...CONTRACTS],
  admin: ['net'],
  'facts-port': ['net', 'facts'],
  monitoring: [],
  inject: ['admin', 'config', 'daemon', 'net', 'telemetry', 'trim', ...CONTRACTS],
  'commands/health': ['config', ...CONTRACTS],
  'commands/inject': ['inject', 'components', 'config', 'telemetry', ...CONTRACTS],
  'commands/report': ['monitoring', 'net', 'config', ...CONTRACTS],
  'commands/sentry': ['sentry', ...CONTRACTS],
  'commands/redact': ['processors/redact', 'components', 'config', ...CONTRACTS],
  'commands/check-gpu': ['facts', 'telemetry', 'config', ...CONTRACTS]
}

function allowed({ from, to, typeOnly }: Import): boolean {
  const [layer, other] = [layerOf(from), layerOf(to)]
  if (layer === other || layer === 'command-line' || layer === 'gateway') return true
  if (layer === 'components') return COMPONENTS.includes(other.split('/')[0]) || to === 'config/config.ts'
  if (typeOnly && (other === 'net' || other === 'telemetry' || other === 'facts' || other === 'ledger')) return true
  const rule = COMPONENTS.includes(layer.split('/')[0]) ? 'component_' : layer
  return ALLOWED[rule]?.includes(other) === true
}

test('every layer imports only what it may', () => {
  ok(imports.length > 40, `only ${imports.length} imports were read`)
  deepStrictEqual(
    imports.filter((each) => !allowed(each)).map(({ from, to }) => `${from} imports ${to}`),
    []
  )
})

test('nobody imports main or gateway, but the command line', () => {
  const f = (each: Import): boolean => ['main.ts', 'gateway.ts'].includes(each.to) && each.from !== 'command-line.ts'
  deepStrictEqual(imports.filter(f), [])
})

test('node:http is imported for its types alone: all of its exports are 12 MB', () => {
  const f = (file: string): boolean => /^import (?!type )[^'"]*from 'node:http'/m.test(readFileSync(join(SRC, file), 'utf8'))
  deepStrictEqual(files.filter(f), [])
})

test('a batch is called redacted in two places only: where it was, and where the queue gives it back', () => {
  const f = (file: string): boolean => /\bas (unknown as )?RedactedBatch\b/.test(readFileSync(join(SRC, file), 'utf8'))
  for (const file of files.filter(f)) ok(file === 'entry.ts' || file.startsWith('processors/redact'), `${file} casts to RedactedBatch`)
})
