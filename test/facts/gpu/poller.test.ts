import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { afterEach, beforeEach, test } from 'node:test'
import type { GpuFacts, GpuState } from '../../../src/facts/facts.ts'
import { Poller, type PollerOptions } from '../../../src/facts/gpu/poller.ts'
import { signalGroup } from '../../../src/facts/gpu/process-group.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { openStandIn, type StandIn } from '../../support/nvidia-smi-stand-in.ts'

const FIELDS = ['index', 'name', 'driver_version', 'memory.total', 'pci.bus_id', 'utilization.gpu', 'memory.used', 'power.draw', 'uuid']
const uuidOf = (index: number): string => `GPU-00000000-0000-0000-0000-00000000000${index}`
const [A, B] = [uuidOf(0), uuidOf(1)]
const MIG = 'MIG-00000000-0000-0000-0000-00000000000a'

let smi: StandIn
let poller: Poller
let metrics: Metrics
let logged: { level: string; fields: object; message: string }[]

beforeEach(() => {
  smi = openStandIn()
  metrics = new Metrics()
  logged = []
})
afterEach(async () => {
  await poller?.stop()
  for (const pid of starts().map(([pid]) => Number(pid))) signalGroup(pid, 'SIGKILL')
})

const help = (names: readonly string[]): string =>
  `List of valid properties:\n\n${names.map((name) => `"${name}"\nSome words.\n`).join('\n')}`

/** A GPU as the stand-in tells it; `cells` replace its usual ones. */
interface Row {
  readonly index: number
  readonly cells?: Readonly<Record<string, string>>
}

function table(names: readonly string[], rows: readonly Row[]): string {
  const lines = rows.map(({ index, cells }) =>
    names
      .map((name) => {
        const usual: Record<string, string> = {
          index: `${index}`,
          name: 'NVIDIA H100 80GB HBM3',
          driver_version: '580.1',
          'memory.total': '81559 MiB',
          'pci.bus_id': `00000000:0${index}:00.0`,
          'utilization.gpu': '50 %',
          'memory.used': '1000 MiB',
          'power.draw': '300.00 W',
          uuid: uuidOf(index)
        }
        return cells?.[name] ?? usual[name]
      })
      .join(', ')
  )
  return `${[names.join(', '), ...lines].join('\n')}\n`
}

/** Makes the stand-in know these fields, and show these GPUs. */
function show(rows: readonly Row[], names: readonly string[] = FIELDS): void {
  smi.set('help-query-gpu', { stdout: help(names) })
  const order = [...names.filter((name) => name !== 'uuid'), 'uuid']
  smi.set('query-gpu', { stdout: table(order, rows) })
  smi.set('query-compute-apps', { stdout: `gpu_uuid, pid, used_gpu_memory [MiB], process_name\n${A}, 7, 900 MiB, /usr/bin/python3\n` })
  smi.set('L', { stdout: rows.map(({ index }) => `GPU ${index}: NVIDIA H100 80GB HBM3 (UUID: ${uuidOf(index)})\n`).join('') })
  smi.set('x', { status: 1 })
}

function open(options: Partial<PollerOptions> = {}): Poller {
  const say = (level: string) => (fields: object, message: string) => void logged.push({ level, fields, message })
  poller = new Poller(
    {
      command: smi.command,
      intervalMs: 20,
      slowIntervalMs: 60_000,
      timeoutMs: 120_000,
      backoffMaxMs: 40,
      ...options,
      runner: { killAfterMs: 50, reapWaitMs: 50, ...options.runner }
    },
    { log: { info: say('info'), warn: say('warn') }, metrics }
  )
  return poller
}

const lost = (): string[] => poller.lost().map(({ uuid }) => uuid)

/** Every start of the stand-in: its process, and what it was asked. */
function starts(): [pid: string, question: string][] {
  try {
    const lines = readFileSync(`${smi.folder}/starts`, 'utf8').trim().split('\n')
    return lines.map((line) => [line.split(' ', 1)[0], line.slice(line.indexOf(' ') + 1)])
  } catch {
    return []
  }
}

function livingChildren(): number {
  const ours = new Set(starts().map(([pid]) => pid))
  return readdirSync('/proc').filter((pid) => {
    try {
      const [state, , group] = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ')
      return state !== 'Z' && ours.has(group)
    } catch {
      return false
    }
  }).length
}

async function until(condition: () => boolean): Promise<void> {
  const endMs = performance.now() + 120_000
  while (!condition()) {
    ok(performance.now() < endMs, `never came: ${condition}; the state is ${poller.state.state}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

const untilState = (state: GpuState): Promise<void> => until(() => poller.state.state === state)
const count = (name: string, labels: object): number | undefined =>
  metrics
    .families()
    .find((family) => family.name === name)
    ?.samples.find((sample) => JSON.stringify(sample.labels) === JSON.stringify(labels))?.value

test('what nvidia-smi says is remembered, with who computes', async () => {
  show([{ index: 0 }, { index: 1, cells: { 'utilization.gpu': '[N/A]', 'power.draw': '70 W' } }])
  const facts: GpuFacts = open()
  strictEqual(facts.state.state, 'starting')
  await poller.firstLook
  const { state, remedy, source } = facts.state
  deepStrictEqual({ state, remedy, source }, { state: 'ok', remedy: '', source: 'nvidia-smi' })
  deepStrictEqual(
    facts.devices().map(({ uuid, index, driverVersion }) => ({ uuid, index, driverVersion })),
    [0, 1].map((index) => ({ uuid: uuidOf(index), index, driverVersion: '580.1' }))
  )
  const [a, b] = [facts.latest(A)!, facts.latest(B)!]
  deepStrictEqual([a.utilization, a.memoryUsedBytes, a.powerWatts], [0.5, 1000 * 1024 ** 2, 300])
  deepStrictEqual([b.utilization, b.powerWatts, b.processes], [undefined, 70, []])
  deepStrictEqual(a.processes, [{ pid: 7, name: '/usr/bin/python3', memoryUsedBytes: 900 * 1024 ** 2 }])
  deepStrictEqual(facts.at(A, a.atMs), a)
  strictEqual(facts.at(A, a.atMs - 1), undefined)
  strictEqual(facts.over(A, a.atMs, a.atMs + 10)?.energyJoules, 3)
  strictEqual(facts.latest('GPU-unknown'), undefined)
  deepStrictEqual(facts.owners(A), [])
})

test('the fields are looked up once, and again when the driver has changed', async () => {
  show([{ index: 0 }])
  open()
  const asked = (): number => starts().filter(([, question]) => question === '--help-query-gpu').length
  await until(() => (count('sluice_gpu_polls_total', { kind: 'fast', outcome: 'ok' }) ?? 0) > 4)
  strictEqual(asked(), 1)
  show([{ index: 0, cells: { driver_version: '595.1' } }])
  await until(() => asked() === 2)
  strictEqual(poller.state.state, 'ok')
})

test('a field that was renamed is asked for by its new name', async () => {
  show([{ index: 0 }])
  open()
  await untilState('ok')
  const renamed = FIELDS.map((name) => (name === 'power.draw' ? 'power.draw.instant' : name))
  smi.set('query-gpu', { stdout: 'Field "power.draw" is not a valid field to query.\n', status: 2 })
  await untilState('failed')
  show([{ index: 0, cells: { 'power.draw.instant': '42 W' } }], renamed)
  await untilState('ok')
  strictEqual(poller.latest(A)?.powerWatts, 42)
  ok(starts().some(([, question]) => question.includes('power.draw.instant,')))
})

test('listeners hear of each round, until they do not want to', async () => {
  show([{ index: 0 }])
  open()
  let heard = 0
  poller.onSample(() => {
    throw new Error('not mine')
  })
  const stop = poller.onSample(() => heard++)
  await until(() => heard >= 3)
  stop()
  const before = heard
  const polls = count('sluice_gpu_polls_total', { kind: 'fast', outcome: 'ok' })!
  await until(() => count('sluice_gpu_polls_total', { kind: 'fast', outcome: 'ok' })! > polls + 2)
  strictEqual(heard, before)
})

test('each trouble is a state that is logged once with its remedy, and over when it is over', async () => {
  show([{ index: 0 }])
  open()
  await untilState('ok')
  const f = async (state: GpuState, begin: () => void, end: () => void = () => undefined): Promise<void> => {
    logged.length = 0
    begin()
    await untilState(state)
    strictEqual(count('sluice_gpu_state', { state, source: 'nvidia-smi' }), 1)
    strictEqual(count('sluice_gpu_state', { state: 'ok', source: 'nvidia-smi' }), 0)
    ok(poller.state.remedy.length > 20)
    await until(() => (count('sluice_gpu_polls_total', { kind: 'fast', outcome: state }) ?? 0) >= 2)
    deepStrictEqual(
      logged.map(({ level, message }) => ({ level, message })),
      [{ level: 'warn', message: `GPU facts: ${state}` }]
    )
    deepStrictEqual(
      poller.devices().map(({ uuid }) => uuid),
      [A],
      'what was known is remembered'
    )
    end()
    show([{ index: 0 }])
    await untilState('ok')
    strictEqual(logged.at(-1)?.level, 'info')
  }
  const say = (stdout: string, status: number) => () => smi.set('query-gpu', { stdout, status })
  await f('no binary', smi.remove, smi.restore)
  await f('no driver', say("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n", 9))
  await f('no devices', say('No devices were found\n', 0))
  await f('version mismatch', say('Failed to initialize NVML: Driver/library version mismatch\n', 18))
  await f('permission', say('Failed to initialize NVML: Unknown Error\n', 255))
  await f('failed', () => smi.set('query-gpu', { stdout: table(FIELDS, [{ index: 0 }]).slice(0, -20), suicide: true }))
})

test('half an answer, and an error on stdout with status 0, are no sample', async () => {
  show([{ index: 0 }])
  open()
  await untilState('ok')
  const whole = table(FIELDS, [{ index: 0, cells: { 'utilization.gpu': '99 %' } }])
  const answers = [whole.slice(0, -2), whole.slice(0, -60), whole.slice(0, 30), 'Unable to do that\n', ''].map((stdout) => ({ stdout }))
  for (const answer of [...answers, { stdout: whole, suicide: true }]) {
    smi.set('query-gpu', answer)
    await untilState('failed')
    strictEqual(poller.latest(A)?.utilization, 0.5, JSON.stringify(answer))
    show([{ index: 0 }])
    await untilState('ok')
  }
})

test('one GPU that is lost among others: they go on, and it keeps its past', async () => {
  show([{ index: 0 }, { index: 1 }])
  open()
  await untilState('ok')
  const lastMs = poller.latest(B)!.atMs
  const rest = table(FIELDS, [{ index: 0, cells: { 'utilization.gpu': '60 %' } }])
  smi.set('query-gpu', { stdout: `Unable to determine the device handle for GPU0000:01:00.0: Unknown Error\n${rest}`, status: 0 })
  await untilState('device lost')
  await until(() => poller.latest(A)?.utilization === 0.6)
  deepStrictEqual(
    poller.devices().map(({ uuid }) => uuid),
    [A]
  )
  ok(poller.at(B, Date.now())!.atMs >= lastMs)
  deepStrictEqual(lost(), [B])
  show([{ index: 0 }, { index: 1 }])
  await untilState('ok')
  deepStrictEqual(lost(), [])
  deepStrictEqual(
    poller.devices().map(({ uuid }) => uuid),
    [A, B]
  )
})

test('a GPU that is lost is named: by its address, by its own words, or because it is the only one', async () => {
  const f = async (rows: readonly Row[], answer: { stdout: string; status: number }, expected: readonly string[]): Promise<void> => {
    show(rows)
    await untilState('ok')
    smi.set('query-gpu', answer)
    await until(() => poller.state.state === 'device lost' || lost().length > 0)
    await until(() => lost().join() === expected.join())
  }
  const both = [{ index: 0 }, { index: 1 }]
  show(both)
  open()
  const line = 'Unable to determine the device handle for GPU 0000:01:00.0: GPU is lost. Reboot the system to recover this GPU\n'
  await f(both, { stdout: line, status: 15 }, [B])
  const words = Object.fromEntries(['utilization.gpu', 'memory.used', 'power.draw'].map((name) => [name, '[GPU is lost]']))
  await f(both, { stdout: table([...FIELDS], [{ index: 0 }, { index: 1, cells: words }]), status: 0 }, [B])
  await poller.stop()
  show([{ index: 0 }])
  open()
  await f([{ index: 0 }], { stdout: 'GPU is lost.\n', status: 15 }, [A])
})

test('a GPU that says no more than its address is the one that was there', async () => {
  show([{ index: 0 }, { index: 1 }])
  open()
  await untilState('ok')
  const lost = Object.fromEntries(FIELDS.filter((name) => name !== 'pci.bus_id').map((name) => [name, '[GPU is lost]']))
  show([{ index: 0 }, { index: 1, cells: lost }])
  await untilState('device lost')
  deepStrictEqual(
    poller.devices().map(({ uuid, model }) => ({ uuid, model })),
    [
      { uuid: A, model: 'NVIDIA H100 80GB HBM3' },
      { uuid: B, model: 'NVIDIA H100 80GB HBM3' }
    ]
  )
  strictEqual(poller.latest(B)?.utilization, undefined)
})

test('under a hang exactly one child is there, and the state says so; it is over by itself', async () => {
  show([{ index: 0 }])
  open({ timeoutMs: 1_000, backoffMaxMs: 60_000, runner: { signal: () => undefined } })
  await untilState('ok')
  smi.set('query-gpu', { hang: 'itself' })
  await untilState('hung')
  const started = starts().length
  const polls = (): number => count('sluice_gpu_polls_total', { kind: 'fast', outcome: 'hung' }) ?? 0
  const before = polls()
  await until(() => polls() > before + 12)
  strictEqual(starts().length, started)
  strictEqual(livingChildren(), 1)
  strictEqual(poller.latest(A)?.utilization, 0.5)

  show([{ index: 0 }])
  signalGroup(Number(starts().at(-1)![0]), 'SIGKILL')
  await untilState('ok')
  await until(() => livingChildren() === 0 || starts().length > started)
})

test('what hangs but can be killed is tried less and less often, one at a time', async () => {
  show([{ index: 0 }])
  smi.set('query-gpu', { hang: 'child' })
  open({ timeoutMs: 1_000, intervalMs: 10, backoffMaxMs: 400 })
  await untilState('hung')
  let most = 0
  const endMs = performance.now() + 3_000
  await until(() => {
    most = Math.max(most, livingChildren())
    return performance.now() > endMs
  })
  ok(most <= 2, `${most} processes: a wrapper and its child are two`)
  show([{ index: 0 }])
  await untilState('ok')
})

test('the close look brings MIG instances, and what only it knows', async () => {
  show([{ index: 0 }])
  smi.set('L', { stdout: `GPU 0: NVIDIA H100 80GB HBM3 (UUID: ${A})\n  MIG 1g.10gb     Device  0: (UUID: ${MIG})\n` })
  smi.set('x', { stdout: document(A, '1234 KB/s', 512) })
  smi.set('nvlink', { stdout: `GPU 0: NVIDIA H100 80GB HBM3 (UUID: ${A})\n\t Link 0: 26.5 GB/s\n` })
  open({ slowIntervalMs: 40 })
  await poller.firstLook
  deepStrictEqual(
    poller.devices().map(({ uuid, mig }) => ({ uuid, profile: mig?.profile, parent: mig?.parent })),
    [
      { uuid: A, profile: undefined, parent: undefined },
      { uuid: MIG, profile: '1g.10gb', parent: A }
    ]
  )
  strictEqual(poller.latest(MIG)?.memoryUsedBytes, 512 * 1024 ** 2)
  deepStrictEqual(poller.latest(MIG)?.processes, [{ pid: 7, name: 'python3', memoryUsedBytes: 900 * 1024 ** 2 }])
  strictEqual(poller.latest(A)?.more.pcieTransmitBytesPerSecond, 1_234_000)
  strictEqual(poller.latest(A)?.more.nvlinkBytesPerSecond, 26.5e9)
  deepStrictEqual(poller.latest(A)?.processes, [], 'a process of an instance is told once')

  smi.set('x', { stdout: document(A, '1234 KB/s', 640) })
  await until(() => poller.latest(MIG)?.memoryUsedBytes === 640 * 1024 ** 2)
})

test('where the table cannot be had, the document makes up for it', async () => {
  show([{ index: 0 }])
  smi.set('query-gpu', { stdout: 'another language altogether\n' })
  smi.set('x', { stdout: document(A, '1 KB/s', 512) })
  open()
  await poller.firstLook
  strictEqual(poller.state.state, 'ok')
  ok(poller.devices().some(({ uuid }) => uuid === A))
  strictEqual(poller.latest(A)?.utilization, 0.25)
})

test('hundreds of looks leave nothing behind: no descriptor, no listener, no process', async () => {
  show([{ index: 0 }])
  open({ intervalMs: 1 })
  const polls = (): number => count('sluice_gpu_polls_total', { kind: 'fast', outcome: 'ok' }) ?? 0
  const left = (): number => readdirSync('/proc/self/fd').length + process.listenerCount('exit')
  await until(() => polls() >= 5)
  const before = left()
  await until(() => polls() >= 150)
  await poller.stop()
  ok(left() <= before, `${left()} where ${before} were`)
  strictEqual(livingChildren(), 0)
})

test('after stop nothing runs and nothing is started', async () => {
  show([{ index: 0 }])
  smi.set('query-gpu', { hang: 'child' })
  open()
  await until(() => starts().some(([, question]) => question.includes('--query-gpu=')))
  await poller.stop()
  await until(() => livingChildren() === 0)
  const started = starts().length
  await new Promise((resolve) => setTimeout(resolve, 100))
  strictEqual(starts().length, started)
})

function document(uuid: string, transmit: string, usedMiB: number): string {
  return `<?xml version="1.0" ?>
<nvidia_smi_log>
  <driver_version>580.1</driver_version>
  <gpu id="00000000:00:00.0">
    <product_name>NVIDIA H100 80GB HBM3</product_name>
    <uuid>${uuid}</uuid>
    <mig_devices>
      <mig_device>
        <index>0</index>
        <gpu_instance_id>9</gpu_instance_id>
        <compute_instance_id>0</compute_instance_id>
        <fb_memory_usage><total>9856 MiB</total><used>${usedMiB} MiB</used></fb_memory_usage>
      </mig_device>
    </mig_devices>
    <pci><tx_util>${transmit}</tx_util></pci>
    <utilization><gpu_util>25 %</gpu_util></utilization>
    <processes>
      <process_info>
        <gpu_instance_id>9</gpu_instance_id><compute_instance_id>0</compute_instance_id>
        <pid>7</pid><process_name>python3</process_name><used_memory>900 MiB</used_memory>
      </process_info>
    </processes>
  </gpu>
</nvidia_smi_log>
`
}
