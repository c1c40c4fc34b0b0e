import { match, ok, strictEqual } from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { checkGpu } from '../../src/commands/check-gpu.ts'
import { components } from '../../src/components.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { FactsOptions } from '../../src/facts/open.ts'
import { openStandIn } from '../support/nvidia-smi-stand-in.ts'
import { DOCUMENT, GPU_A, GPU_B, LIST, MIG_A0 } from '../support/nvidia-smi-texts.ts'

async function checked(gpu: Partial<FactsOptions['gpu']>): Promise<{ code: number; stdout: string }> {
  const { config } = await loadConfig({ env: {}, definitions: components })
  return checkGpu({ ...config.facts, gpu: { ...config.facts.gpu, ...gpu }, pod: { ...config.facts.pod, source: 'off' } })
}

test('check --gpu shows every GPU and instance that it finds, its values, and what it does not tell', async () => {
  const smi = openStandIn()
  smi.set('any', { stdout: 'Field "index" is not a valid field to query.\n', status: 2 })
  smi.set('L', { stdout: LIST })
  smi.set('x', { stdout: DOCUMENT })
  const { code, stdout } = await checked({ command: smi.command })
  strictEqual(code, 0)
  match(stdout, /^GPU facts: device lost, from nvidia-smi: 2 GPUs, 2 MIG instances, driver 599\.1\n {2}what to do: .*Xid/)
  for (const part of [GPU_A, GPU_B, `3g.40gb of ${GPU_A}  ${MIG_A0}`, 'memory 250 MiB of 1000 MiB, power 66.16 W', 'Pods: off'])
    ok(stdout.includes(part), `${part}: ${stdout}`)
  match(stdout, /Missing:\n(.*\n)* {2}- GPU 0 is divided by MIG/)
  match(stdout, /no pod is known to use a GPU: .*facts\.gpu\.podResources/)
})

test('what does not work is named with its remedy; the code is 1 when the file asks for just that', async () => {
  const smi = openStandIn()
  smi.set('any', { stdout: 'NVIDIA-SMI has failed because it couldn’t communicate with the NVIDIA driver.\n', status: 9 })
  const f = async (gpu: Partial<FactsOptions['gpu']>, code: number, said: RegExp) => {
    const result = await checked({ command: smi.command, ...gpu })
    match(result.stdout, said)
    strictEqual(result.code, code, result.stdout)
  }
  await f({ source: 'auto' }, 0, /^GPU facts: no driver, from nvidia-smi\n {2}what to do: .*kernel module/)
  await f({ source: 'nvidia-smi' }, 1, /^GPU facts: no driver/)
  await f({ source: 'nvidia-smi', command: `${smi.command}-not-there` }, 1, /^GPU facts: no binary/)
  await f({ source: 'off' }, 0, /^GPU facts: off\nPods: off\n$/)
})

test('where only the node knows GPUs, check --gpu says so', async (t) => {
  const device = { uuid: GPU_A, index: 0, model: 'Model One', driverVersion: '599.1' }
  const sample = { atMs: Date.now(), utilization: 0.5, more: {}, processes: [] }
  const answer = {
    version: 1,
    state: 'ok',
    remedy: '',
    devices: [{ device, owners: [{ namespace: 'dub', pod: 'tts-1', container: 'worker' }], sample }]
  }
  const node = createServer((_, response) => response.end(JSON.stringify(answer))).listen(0, '127.0.0.1')
  t.after(() => node.close())
  await new Promise((resolve) => node.once('listening', resolve))
  const smi = openStandIn()
  smi.set('any', { stdout: 'No devices were found\n', status: 6 })
  const url = `http://127.0.0.1:${(node.address() as AddressInfo).port}`
  for (const source of ['auto', 'node'] as const) {
    const { stdout, code } = await checked({ source, node: url, command: smi.command })
    match(stdout, /^GPU facts: ok, from node: 1 GPUs/)
    ok(stdout.includes('load 50 %') && stdout.includes('used by dub/tts-1/worker'), stdout)
    strictEqual(code, 0)
  }
})

test('a source that is not said where to find is refused', async () => {
  await checked({ source: 'node' }).then(
    () => ok(false, 'not refused'),
    (error) => match(error.message, /facts\.gpu\.node/)
  )
})
