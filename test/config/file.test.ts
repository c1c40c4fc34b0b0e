// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts under test have variables in them
import { deepStrictEqual, rejects, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { components } from '../../src/components.ts'
import { loadConfig } from '../../src/config/load.ts'

const load = (env: Record<string, string>, file?: string) => loadConfig({ file, env, definitions: components })

test('a configuration may stand in a variable, which is then its file', async () => {
  const text = 'queue:\n  dir: ${DIR}\n  sizeMax: 1GiB\n'
  const { config, file, settings, warnings } = await load({
    SLUICE_CONFIG: 'env:SLUICE_CONFIG_YAML',
    SLUICE_CONFIG_YAML: text,
    DIR: '/tmp/q'
  })
  deepStrictEqual([config.queue.dir, config.queue.sizeMax, file], ['/tmp/q', 2 ** 30, 'env:SLUICE_CONFIG_YAML'])
  deepStrictEqual(settings.find(({ steps }) => steps.join('.') === 'queue.sizeMax')?.origin, {
    file: 'env:SLUICE_CONFIG_YAML',
    line: 3,
    column: 12
  })
  strictEqual(
    warnings.some((warning) => warning.includes('SLUICE_CONFIG_YAML')),
    false
  )
  strictEqual((await load({ TEXT: '' }, 'env:TEXT')).config.queue.dir, undefined)
})

test('what is wrong in a variable is said with its name and line', async () => {
  const f = (env: Record<string, string>, message: RegExp) => rejects(load(env, 'env:TEXT'), { name: 'ConfigError', message })
  await f({ TEXT: 'queue:\n  sizeMaxx: 1GiB\n' }, /^env:TEXT:2:3: queue\.sizeMaxx: came the unknown key "sizeMaxx".*did you mean sizeMax\?/)
  await f({ TEXT: 'queue: [\n' }, /^env:TEXT:2:1: came text that is not YAML/)
  await f({}, /^env TEXT: came a variable that is not set, expected a configuration in it; set TEXT/)
})

test('SLUICE_NODE names the gateway of the node, IPv6 too', async () => {
  const f = async (value: string, expected: string) => {
    const { config } = await load({ TEXT: 'facts: { gpu: { source: node } }', SLUICE_NODE: value }, 'env:TEXT')
    strictEqual(config.facts.gpu.node, expected)
  }
  await f('10.0.0.7:9465', 'http://10.0.0.7:9465')
  await f('fd00::7:9465', 'http://[fd00::7]:9465')
  await f('[fd00::7]:9465', 'http://[fd00::7]:9465')
  await f('gpu-node-1:9465', 'http://gpu-node-1:9465')
  await f('https://gpu-node-1', 'https://gpu-node-1')
})
