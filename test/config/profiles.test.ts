// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the files under test have variables in them
import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parse } from 'yaml'
import { components } from '../../src/components.ts'
import { jsonSchema } from '../../src/config/json-schema.ts'
import { loadConfig } from '../../src/config/load.ts'
import { reference } from '../../src/config/reference.ts'
import { sameOptions } from '../../src/config/same.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const profile = (name: string): string => join(root, 'config', name)
const PROFILES = ['sidecar.yaml', 'daemonset.yaml', 'gateway.yaml']

const dir = temporaryDirectory()

const load = (file: string, env = {}) => loadConfig({ file, env, definitions: components })

/** The file with all its examples switched on: each has one # in front, prose has a # and one space. */
async function withExamples(name: string): Promise<string> {
  const file = join(dir, name)
  await writeFile(file, (await readFile(profile(name), 'utf8')).replace(/^( *)#((?: {2})*[a-zA-Z#-].*)$/gm, '$1$2'))
  return file
}

test('every profile loads as it is', async () => {
  deepStrictEqual((await readdir(profile('.'))).filter((name) => name.endsWith('.yaml')).sort(), [...PROFILES].sort())
  for (const name of PROFILES) ok((await load(profile(name))).config.receivers.length > 0, name)
})

test('the sidecar profile says nothing but the defaults', async () => {
  const { config } = await load(profile('sidecar.yaml'))
  const defaults = await loadConfig({ env: {}, definitions: components })
  ok(sameOptions(config, defaults.config))
})

test('the sidecar profile shows every option of every component', async () => {
  const { settings, config } = await load(await withExamples('sidecar.yaml'))
  deepStrictEqual(
    settings.filter(({ origin }) => 'byDefault' in origin).map(({ steps }) => steps.join('.')),
    []
  )
  strictEqual(config.exporters.length, components.exporters.length)
})

test('every profile runs, says that it is ready, and stops when told', { timeout: 240_000 }, async () => {
  await Promise.all(
    PROFILES.map(async (name) => {
      const file = join(dir, `run-${name}`)
      await writeFile(file, (await readFile(profile(name), 'utf8')).replace(/(127\.0\.0\.1)?:\d{4,5}\b/g, '127.0.0.1:0'))
      const env = { PATH: process.env.PATH, SLUICE_QUEUE_DIR: join(dir, `queue-${name}`) }
      const child = spawn(process.execPath, [join(root, 'src/main.ts'), 'run', '--config', file], {
        env,
        stdio: ['ignore', 'ignore', 'pipe']
      })
      const lines: string[] = []
      for await (const line of createInterface(child.stderr)) {
        lines.push(line)
        if (line.includes('"ready"')) child.kill('SIGTERM')
      }
      if (child.exitCode === null) await once(child, 'exit')
      strictEqual(child.exitCode, 0, `${name}: ${lines.join('\n')}`)
    })
  )
})

test('the JSON Schema takes the profiles and refuses what is misspelt', async () => {
  const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(jsonSchema(components))
  for (const name of PROFILES) {
    ok(validate(parse(await readFile(profile(name), 'utf8'))), `${name}: ${JSON.stringify(validate.errors?.slice(0, 3))}`)
    ok(
      validate(parse(await readFile(await withExamples(name), 'utf8'))),
      `${name} with examples: ${JSON.stringify(validate.errors?.slice(0, 3))}`
    )
  }
  const f = (text: string, expected: boolean) => strictEqual(validate(parse(text)), expected, text)
  f('', true)
  f('queue:', true)
  f('processors: { sample: off }', true)
  f('receivers: { otlp/two: { http: [":1", off] } }', true)
  f('receivers: { otlp: { http: false } }\nfacts: { gpu: { source: false } }', true)
  f('queue: { whenFull: false }', false)
  f('receivers: { otlp: { http: "${HTTP}", connectionsMax: "${MAX:-5}" } }', true)
  f('queu: {}', false)
  f('queue: { sizemax: 1 }', false)
  f('queue: { sizeMax: big }', false)
  f('receivers: { otlp: { connectionsMax: many } }', false)
  f('processors: { redact: off }', false)
  f('processors: { sample/two: {} }', false)
})

test('the generated pages are up to date; `npm run docs` writes them', async () => {
  strictEqual(await readFile(join(root, 'docs/reference.md'), 'utf8'), reference(components))
  deepStrictEqual(JSON.parse(await readFile(profile('sluice.schema.json'), 'utf8')), JSON.parse(JSON.stringify(jsonSchema(components))))
})
