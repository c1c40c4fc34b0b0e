// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the files under test have variables in them
import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type CheckOutput, check } from '../../src/config/check.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { definitions } from './definitions.ts'

const file = join(temporaryDirectory(), 'sluice.yaml')

async function run(text: string, output: CheckOutput, env = {}) {
  await writeFile(file, text)
  return check({ file, env, definitions, output })
}

test('check prints the effective pipeline in the order of the data path, with origins', async () => {
  const text = `
exporters: { otlp: { endpoint: "http://c:4318", token: "\${TOKEN}" } }
processors: { sample: { traces: 5% }, enrich: off }
queue: { dir: "\${DIR:-/q}" }
`
  const { code, stdout, stderr } = await run(text, 'text', { TOKEN: 'hunter2', SLUICE_LOG_LEVEL: 'debug' })
  strictEqual(code, 0)
  strictEqual(stderr, '')
  ok(!stdout.includes('hunter2'))
  const lines = stdout
    .replaceAll(file, 'FILE')
    .split('\n')
    .map((line) => line.replace(/(\S) +/g, '$1 '))
  const inOrder = [
    'FILE is fine.',
    'receivers',
    '  otlp',
    '    http 127.0.0.1:4318 default',
    'processors',
    '  sample',
    '    traces 5% FILE:3',
    '    hashSeed 0 default',
    '  redact',
    '    keys [] default',
    '  enrich off FILE:3',
    'queue',
    '  dir /q FILE:4 (env DIR)',
    '  sizeMax 512MiB default',
    'exporters',
    '  prometheus',
    '    expireAfter 5m default',
    '  otlp',
    '    endpoint http://c:4318 FILE:2',
    '    headers {} default',
    '    token *** FILE:2 (env TOKEN)',
    '    tls.caFile not set default',
    'admin',
    '  listen 127.0.0.1:9464 default',
    'telemetry',
    '  log.level debug env SLUICE_LOG_LEVEL',
    'shutdownTimeout 25s default'
  ]
  deepStrictEqual(
    lines.filter((line) => inOrder.includes(line)),
    inOrder,
    stdout
  )
})

test('check warns on stderr and still succeeds', async () => {
  const { code, stderr } = await run('', 'text')
  strictEqual(code, 0)
  ok(stderr.startsWith('warning: no exporter is on'))
})

test('a broken file is exit code 2, and every problem a line on stderr', async () => {
  const { code, stdout, stderr } = await run('queue: { sizemax: 1 }\nadmin: { listen: x }\n', 'text')
  deepStrictEqual([code, stdout], [2, ''])
  const [first, second, ...rest] = stderr.split('\n')
  strictEqual(
    first.replace(file, 'FILE'),
    'FILE:1:10: queue.sizemax: came the unknown key "sizemax", expected one of dir, sizeMax, memoryMax, ageMax, whenFull, deadLetterMax; did you mean sizeMax?'
  )
  ok(second.includes(':2:18: admin.listen: came "x"'))
  deepStrictEqual(rest, [''])
})

test('check --json says the same to programs', async () => {
  const fine = JSON.parse((await run('queue: { dir: /q }', 'json', { SLUICE_LOG_LEVEL: 'warn' })).stdout)
  strictEqual(fine.ok, true)
  const find = (path: string) => fine.settings.find((setting: { path: string }) => setting.path === path)
  deepStrictEqual(find('queue.dir'), { path: 'queue.dir', value: '/q', file, line: 1, column: 15, variables: [] })
  deepStrictEqual(find('telemetry.log.level'), { path: 'telemetry.log.level', value: 'warn', variable: 'SLUICE_LOG_LEVEL', variables: [] })
  deepStrictEqual(find('admin.listen'), { path: 'admin.listen', value: '127.0.0.1:9464', byDefault: true, variables: [] })

  const { code, stdout } = await run('queue: { sizemax: 1 }', 'json')
  const broken = JSON.parse(stdout)
  deepStrictEqual([code, broken.ok, broken.problems.length], [2, false, 1])
  const { line, path, remedy } = broken.problems[0]
  deepStrictEqual([line, path, remedy], [1, 'queue.sizemax', 'did you mean sizeMax?'])
})

test('the schema and the reference need no file', async () => {
  const schema = JSON.parse((await run('broken', 'schema')).stdout)
  ok(schema.properties.exporters.properties.otlp)
  // The token of otlp and of otlp/name, that of facts, and the DSN.
  strictEqual(JSON.stringify(schema).match(/"writeOnly":true/g)?.length, 4)
  const { stdout } = await run('broken', 'reference')
  ok(stdout.includes('| `token` | text, *secret* |  | Bearer token. |'))
  ok(stdout.includes('| `bodyLimit` | size from 1KiB to 64MiB | `20MiB` | Largest request. |'))
  ok(stdout.includes('| `rules[].name` | text | **required** | Name. |'))
})
