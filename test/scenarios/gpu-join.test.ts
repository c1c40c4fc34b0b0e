import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { chooseQuery } from '../../src/facts/gpu/query.ts'
import { type GatewayProcess, scrape, startGateway, sumOf, until } from '../support/gateway-process.ts'
import { openStandIn, type StandIn } from '../support/nvidia-smi-stand-in.ts'
import { helpText } from '../support/nvidia-smi-texts.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { type Tree, toProtobuf } from '../support/otlp-message.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const UUID = 'GPU-0e0e0e0e-1111-2222-3333-00000000000e'
const FIELDS = ['index', 'name', 'uuid', 'driver_version', 'memory.total', 'utilization.gpu', 'memory.used', 'power.draw']
const UNITS: Record<string, string> = { 'memory.total': ' [MiB]', 'utilization.gpu': ' [%]', 'memory.used': ' [MiB]', 'power.draw': ' [W]' }
/** From one answer to the next: shorter than the time between two looks, so that each look finds another one. */
const STEP_MS = 200
const CLIMB_MS = 5000
/** Between the stand-in's time and the gateway's, on a busy machine. */
const LATE_MS = 300

/** What the GPU is like at one time. */
interface Look {
  readonly atMs: number
  readonly utilization: number
  readonly memoryMib: number
  readonly watts: number
}
type Reading = (look: Look) => number

// The load from 0 to 1; no two steps are alike.
function lookAt(atMs: number, load: number): Look {
  return {
    atMs,
    utilization: Math.round(10 + 80 * load),
    memoryMib: Math.round(2000 + 50_000 * load ** 2),
    watts: Math.round(80 + 600 * load)
  }
}

function table(order: readonly string[], { utilization, memoryMib, watts }: Look): string {
  const cells: Record<string, string> = {
    ...{ index: '0', name: 'NVIDIA H100 80GB HBM3', uuid: UUID, driver_version: '590.48.01', 'memory.total': '81559 MiB' },
    ...{ 'utilization.gpu': `${utilization} %`, 'memory.used': `${memoryMib} MiB`, 'power.draw': `${watts} W` }
  }
  return `${order.map((name) => name + (UNITS[name] ?? '')).join(', ')}\n${order.map((name) => cells[name]).join(', ')}\n`
}

/** What the stand-in has said, and when, by its own clock. */
function said({ folder }: StandIn): Look[] {
  const file = `${folder}/said`
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  return lines.map((line) => line.split(' ').map(Number)).map(([atMs, load]) => lookAt(atMs, load))
}

/** The values of every millisecond of an interval, each on the straight line between two looks. */
function over(looks: readonly Look[], startMs: number, endMs: number, read: Reading): number[] {
  return Array.from({ length: endMs - startMs }, (_, i) => {
    const right = looks.findIndex(({ atMs }) => atMs > startMs + i)
    ok(right > 0, 'no look before and after')
    const [from, to] = [looks[right - 1], looks[right]]
    return read(from) + ((read(to) - read(from)) * (startMs + i - from.atMs)) / (to.atMs - from.atMs)
  })
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0)
const mean = (values: readonly number[]): number => sum(values) / values.length

/** As far as a value may be off when the gateway's time of each look is later than the stand-in's. */
function resolution(looks: readonly Look[], read: Reading): number {
  return Math.max(...looks.slice(1).map((to, i) => (Math.abs(read(to) - read(looks[i])) / (to.atMs - looks[i].atMs)) * LATE_MS))
}

function near(actual: number, expected: number, within: number, what: string): void {
  ok(Math.abs(actual - expected) <= within, `${what}: ${actual}, expected ${expected} ± ${within}`)
}

function attributesOf({ attributes }: Tree): Record<string, number | string> {
  const plain = ({ stringValue, intValue, doubleValue }: Tree) => stringValue ?? doubleValue ?? Number(intValue)
  return Object.fromEntries(attributes.map(({ key, value }: Tree) => [key, plain(value)]))
}

const text = (key: string, stringValue: string): Tree => ({ key, value: { stringValue } })
const nanos = (ms: number): string => `${ms}000000`

/** A span of a stage, which sampling drops unless it has failed. */
function spanOf(stage: string, startMs: number, endMs: number, more: Tree = {}): Tree {
  return {
    ...{ traceId: randomBytes(16), spanId: randomBytes(8), name: `stage ${stage}`, kind: 1 },
    ...{ startTimeUnixNano: nanos(startMs), endTimeUnixNano: nanos(endMs) },
    attributes: [text('stage', stage), text('model', `${stage}-large`), text('tier', 'pro')],
    ...more
  }
}

async function send({ http }: GatewayProcess, signal: 'traces' | 'logs', request: Tree): Promise<void> {
  const body = toProtobuf(signal, request)
  const { status } = await fetch(`${http}/v1/${signal}`, { method: 'POST', body, headers: { 'content-type': 'application/x-protobuf' } })
  strictEqual(status, 200)
}

const yaml = (command: string, backend: string, dir: string): string => `
receivers: { logs: off, otlp: { http: 127.0.0.1:0, grpc: 127.0.0.1:0 } }
facts: { gpu: { source: nvidia-smi, command: ${command}, interval: 1s } }
processors: { cost: { horizon: 1s, where: { stage: [tts, stt] } }, sample: { traces: 0% } }
admin: { listen: 127.0.0.1:0 }
queue: { dir: ${dir} }
exporters: { otlp: { endpoint: ${backend}, signals: [traces, logs] } }
`

test('while the load climbs: a span has its mean, peak and energy, an error the state of its instant, and stages share time and energy', {
  timeout: 240_000
}, async (t) => {
  const smi = openStandIn()
  const help = helpText(...FIELDS.map((name) => [name]))
  const order = chooseQuery(help)
  const say = (load: number): void => smi.set('query-gpu', { stdout: table(order, lookAt(0, load)), mark: String(load) })
  const looksAfter = (atMs: number, looks: number) =>
    until(
      () => said(smi).filter((look) => look.atMs >= atMs).length,
      (found) => found >= looks
    )
  smi.set('any', { status: 1 })
  smi.set('help-query-gpu', { stdout: help })
  say(0)
  const backend = await OtlpBackend.start(t)
  const gateway = await startGateway(t, { yaml: yaml(smi.command, backend.url, temporaryDirectory()) })

  await looksAfter(Date.now(), 1)
  const startMs = Date.now()
  while (Date.now() - startMs < CLIMB_MS) {
    say((Date.now() - startMs) / CLIMB_MS)
    await sleep(STEP_MS)
  }
  const endMs = Date.now()
  await looksAfter(endMs, 2)
  const looks = said(smi)
  // In between: the second span begins, the error is raised, and the dropped span outlives the kept one no more than by nothing.
  const secondMs = startMs + 2000
  const errorMs = startMs + 3000
  const exception = { name: 'exception', timeUnixNano: nanos(errorMs), attributes: [text('exception.type', 'OutOfMemoryError')] }
  const failed = spanOf('tts', startMs, endMs, { status: { code: 2 }, events: [exception] })
  const dropped = spanOf('stt', secondMs, endMs)
  const others = [spanOf('mux', startMs, endMs), spanOf('stt', startMs, endMs, { kind: 3 })]
  const resource = { attributes: [text('service.name', 'dubbing')] }
  await send(gateway, 'traces', { resourceSpans: [{ resource, scopeSpans: [{ spans: [failed, dropped, ...others] }] }] })
  const line = (severityNumber: number) => ({ timeUnixNano: nanos(errorMs), severityNumber, body: { stringValue: 'out of memory' } })
  await send(gateway, 'logs', { resourceLogs: [{ resource, scopeLogs: [{ logRecords: [line(17), line(9)] }] }] })

  const [span, ...more] = await until(
    () => backend.records('traces'),
    (spans) => spans.length > 0
  )
  strictEqual(more.length, 0)
  const told = attributesOf(span)
  const f = (name: string, read: Reading, of: (values: number[]) => number, scale = 1): void =>
    near(told[name] as number, of(over(looks, startMs, endMs, read)) * scale, resolution(looks, read) * scale, name)
  const [utilization, memory, watts]: Reading[] = [(look) => look.utilization, (look) => look.memoryMib, (look) => look.watts]
  f('gpu.utilization', utilization, mean, 0.01)
  f('gpu.memory.used', memory, (values) => Math.max(...values), 2 ** 20)
  f('gpu.power', watts, mean)
  const seconds = (endMs - startMs) / 1000
  near(told['gpu.energy'] as number, sum(over(looks, startMs, endMs, watts)) / 1000, resolution(looks, watts) * seconds, 'gpu.energy')
  near(told['gpu.energy'] as number, (told['gpu.power'] as number) * seconds, 0.01, 'energy is mean power for the time')

  // The state of an error is that of a look before it, whole, and as old as it says.
  const lastLook = looks.findLast(({ atMs }) => atMs <= errorMs)!
  const stateIsThatOf = (state: ReturnType<typeof attributesOf>): void => {
    const atMs = errorMs - (state['gpu.sample.age'] as number) * 1000
    const look = looks.findLast((each) => each.atMs <= atMs)!
    ok(look === lastLook || errorMs - lastLook.atMs < LATE_MS, 'an older look than the last one before the error')
    near(atMs, look.atMs, LATE_MS, 'when the look was')
    strictEqual(state['gpu.memory.used'], look.memoryMib * 2 ** 20)
    strictEqual(state['gpu.utilization'], look.utilization / 100)
    strictEqual(state['gpu.power'], look.watts)
  }
  stateIsThatOf(attributesOf(span.events[0]))
  const [error, information] = await until(
    () => backend.records('logs'),
    (records) => records.length > 1
  )
  stateIsThatOf(attributesOf(error))
  deepStrictEqual(information.attributes, [])

  // The dropped span has half of the time that both ran; a call to elsewhere and a stage that needs no GPU have none.
  const [tts, stt] = await until(
    async () => {
      const samples = await scrape(gateway, 'gpu_seconds_total')
      return ['tts', 'stt'].map((stage) => sumOf(samples, `stage="${stage}"`, `model="${stage}-large"`, 'tier="pro"'))
    },
    ([tts, stt]) => tts > 0 && stt > 0
  )
  const half = (endMs - secondMs) / 2000
  near(tts, (secondMs - startMs) / 1000 + half, 1e-6, 'seconds of tts')
  near(stt, half, 1e-6, 'seconds of stt')
  near(sumOf(await scrape(gateway, 'gpu_seconds_total')), seconds, 1e-6, 'all seconds')
  const joules = await scrape(gateway, 'gpu_energy_joules_total')
  near(sumOf(joules), told['gpu.energy'] as number, 0.01, 'all energy')
  const shared = sum(over(looks, secondMs, endMs, watts)) / 2000
  near(sumOf(joules, 'stage="stt"'), shared, (resolution(looks, watts) * (endMs - secondMs)) / 2000, 'energy of stt')

  const items = await scrape(gateway, 'sluice_items_total')
  strictEqual(sumOf(items, 'signal="traces"', 'outcome="accepted"'), 4)
  strictEqual(sumOf(items, 'signal="traces"', 'outcome="sampled_out"'), 3)
  strictEqual(sumOf(await scrape(gateway, 'sluice_cost_spans_total')), 2)
  strictEqual(sumOf(await scrape(gateway, 'sluice_enrich_gpu_spans_total'), 'outcome="joined"'), 1)
  strictEqual(sumOf(await scrape(gateway, 'sluice_enrich_gpu_errors_total'), 'outcome="joined"'), 2)
  deepStrictEqual(backend.violations, [])
  strictEqual(await gateway.end('SIGTERM'), 0)
})
