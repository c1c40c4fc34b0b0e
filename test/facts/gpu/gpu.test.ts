import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import type { GpuDevice, GpuFacts, GpuState } from '../../../src/facts/facts.ts'
import { firstWorking } from '../../../src/facts/gpu/first-working.ts'
import { type GpuOptions, type OpenGpuFacts, openGpuFacts } from '../../../src/facts/gpu/gpu.ts'
import { gpuFactsOff } from '../../../src/facts/off.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { openStandIn, type StandIn } from '../../support/nvidia-smi-stand-in.ts'

let smi: StandIn
beforeEach(() => {
  smi = openStandIn()
})

const silent = { info: () => undefined, warn: () => undefined }
const DEVICE = { uuid: 'GPU-1', index: 0, model: 'H100' } as GpuDevice

/** Facts that only say their state, and who they are. */
function double(
  source: string
): GpuFacts & { now: { state: GpuState; devices: GpuDevice[] }; tell(): void; stop(): void; stopped: boolean } {
  const now: { state: GpuState; devices: GpuDevice[] } = { state: 'starting', devices: [] }
  const listeners = new Set<() => void>()
  return {
    ...gpuFactsOff(),
    get state() {
      return { state: now.state, sinceMs: 0, remedy: '', source }
    },
    devices: () => now.devices,
    onSample: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    now,
    tell: () => {
      for (const listener of listeners) listener()
    },
    stop() {
      this.stopped = true
    },
    stopped: false
  }
}

function open(source: GpuOptions['source'], node?: ReturnType<typeof double>): OpenGpuFacts {
  const options = { source, command: smi.command, intervalMs: 60_000, slowIntervalMs: 60_000, timeoutMs: 120_000 }
  return openGpuFacts(options, { log: silent, metrics: new Metrics(), ...(node === undefined ? {} : { node }) })
}

test('the source that is configured is the one that answers', async () => {
  smi.set('any', { stdout: 'No devices were found\n' })
  const f = async (source: GpuOptions['source'], withNode: boolean, nodeState: GpuState, expected: string): Promise<void> => {
    const node = double('node')
    node.now.state = nodeState
    const opened = open(source, withNode ? node : undefined)
    await opened.firstLook
    strictEqual(opened.facts.state.source, expected, source)
    await opened.stop()
    strictEqual(node.stopped, withNode)
  }
  await f('off', true, 'ok', 'off')
  await f('node', false, 'ok', 'off')
  await f('node', true, 'failed', 'node')
  await f('nvidia-smi', true, 'ok', 'nvidia-smi')
  await f('auto', true, 'ok', 'node')
  await f('auto', true, 'failed', 'nvidia-smi')
  await f('auto', false, 'ok', 'nvidia-smi')
})

test('auto: its own GPUs count first, even where they have stopped to answer; else those of the node', () => {
  const [own, node] = [double('nvidia-smi'), double('node')]
  const facts = firstWorking(own, node)
  const f = (ownState: GpuState, ownDevices: GpuDevice[], nodeState: GpuState, expected: string): void => {
    Object.assign(own.now, { state: ownState, devices: ownDevices })
    Object.assign(node.now, { state: nodeState, devices: [] })
    strictEqual(facts.state.source, expected)
    strictEqual(facts.devices().length, ownDevices.length)
  }
  f('starting', [], 'starting', 'nvidia-smi')
  f('no binary', [], 'starting', 'nvidia-smi')
  f('no binary', [], 'ok', 'node')
  f('ok', [DEVICE], 'ok', 'nvidia-smi')
  f('device lost', [DEVICE], 'ok', 'nvidia-smi')
  f('hung', [DEVICE], 'ok', 'nvidia-smi')
  f('hung', [], 'ok', 'node')
})

test('auto: only samples of the one that answers are told', () => {
  const [own, node] = [double('nvidia-smi'), double('node')]
  const facts = firstWorking(own, node)
  const heard: string[] = []
  const stop = facts.onSample(() => heard.push(facts.state.source))
  const tellBoth = (): void => {
    own.tell()
    node.tell()
  }
  node.now.state = 'ok'
  tellBoth()
  own.now.state = 'ok'
  tellBoth()
  stop()
  tellBoth()
  deepStrictEqual(heard, ['node', 'nvidia-smi'])
})
