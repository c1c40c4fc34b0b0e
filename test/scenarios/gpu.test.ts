import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { scrape, startGateway, sumOf, until } from '../support/gateway-process.ts'
import { openStandIn } from '../support/nvidia-smi-stand-in.ts'
import { helpText } from '../support/nvidia-smi-texts.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { exporterFor, sendSpans } from '../support/sdk.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const UUID = 'GPU-0c0c0c0c-1111-2222-3333-00000000000c'
const FIELDS = ['index', 'name', 'uuid', 'driver_version', 'memory.total', 'utilization.gpu', 'memory.used', 'temperature.gpu', 'fan.speed']
const UNITS: Record<string, string> = { 'memory.total': ' [MiB]', 'memory.used': ' [MiB]', 'utilization.gpu': ' [%]', 'fan.speed': ' [%]' }

/** The table of one GPU, with the columns in the order in which they are asked for. */
function table(order: readonly string[], utilization: number, usedMib: number): string {
  const cells: Record<string, string> = {
    ...{ index: '0', name: 'NVIDIA H100 80GB HBM3', uuid: UUID, driver_version: '590.48.01', 'memory.total': '81559 MiB' },
    ...{ 'utilization.gpu': `${utilization} %`, 'memory.used': `${usedMib} MiB`, 'temperature.gpu': '41', 'fan.speed': '[N/A]' }
  }
  return `${order.map((name) => name + (UNITS[name] ?? '')).join(', ')}\n${order.map((name) => cells[name]).join(', ')}\n`
}

const yaml = (command: string, backend: string, dir: string): string => `
receivers: { logs: off, otlp: { http: 127.0.0.1:0, grpc: 127.0.0.1:0 }, gpu: { dcgm: also } }
facts: { gpu: { source: nvidia-smi, command: ${command}, interval: 1s, timeout: 1500ms } }
processors: { sample: { traces: 100% } }
admin: { listen: 127.0.0.1:0 }
queue: { dir: ${dir} }
exporters: { otlp: { endpoint: ${backend}, signals: [traces, metrics] } }
`

test('what nvidia-smi says is on /metrics and at the backend; while it hangs, telemetry flows; then it is there again', {
  timeout: 240_000
}, async (t) => {
  const smi = openStandIn()
  const { chooseQuery } = await import('../../src/facts/gpu/query.ts')
  const help = helpText(...FIELDS.map((name) => [name]))
  const order = chooseQuery(help)
  smi.set('any', { status: 1 })
  smi.set('help-query-gpu', { stdout: help })
  smi.set('query-gpu', { stdout: table(order, 57, 1024) })
  const backend = await OtlpBackend.start(t)
  const gateway = await startGateway(t, { yaml: yaml(smi.command, backend.url, temporaryDirectory()) })

  const shown = async (name: string): Promise<number[]> => [...(await scrape(gateway, name)).values()]
  const sees = (name: string, expected: number) =>
    until(
      () => shown(name),
      (values) => values.length === 1 && values[0] === expected
    )
  await sees('hw_gpu_utilization_ratio', 0.57)
  const f = async (name: string, expected: number[]) => deepStrictEqual(await shown(name), expected, name)
  await f('hw_gpu_memory_usage_bytes', [2 ** 30])
  await f('hw_gpu_memory_limit_bytes', [81_559 * 2 ** 20])
  await f('hw_temperature_celsius', [41])
  await f('hw_fan_speed_ratio', [])
  await f('hw_power_watts', [])
  await f('gpu_info', [1])
  await f('DCGM_FI_DEV_GPU_UTIL', [57])
  await f('DCGM_FI_DEV_FB_USED', [1024])
  const [labels] = (await scrape(gateway, 'hw_gpu_utilization_ratio')).keys()
  for (const label of [`hw_id="${UUID}"`, 'hw_model="NVIDIA H100 80GB HBM3"', 'hw_gpu_task="general"', 'job="sluice"'])
    ok(labels.includes(label), labels)
  strictEqual(sumOf(await scrape(gateway, 'sluice_gpu_state'), 'state="ok"'), 1)

  const points = () =>
    backend
      .records('metrics')
      .filter(({ name }) => name === 'hw.gpu.utilization')
      .flatMap(({ gauge }) => gauge.dataPoints)
  const [point] = await until(points, (found) => found.length > 0)
  strictEqual(point.asDouble, 0.57)
  match(JSON.stringify(point.attributes), new RegExp(UUID))

  smi.set('query-gpu', { stdout: table(order, 93, 2048) })
  await sees('hw_gpu_utilization_ratio', 0.93)
  await f('hw_gpu_memory_usage_bytes', [2 ** 31])

  smi.set('query-gpu', { hang: 'itself' })
  await until(
    () => scrape(gateway, 'sluice_gpu_state'),
    (states) => sumOf(states, 'state="hung"') === 1
  )
  const startedAtMs = performance.now()
  await sendSpans(exporterFor('http/protobuf', gateway.http, gateway.grpc), { spans: 2_000, errorEvery: 100 })
  await until(
    () => backend.spanCounts.size,
    (spans) => spans === 2_000
  )
  ok(performance.now() - startedAtMs < 10_000, 'spans wait for nvidia-smi')

  smi.set('query-gpu', { stdout: table(order, 12, 3072) })
  await sees('hw_gpu_utilization_ratio', 0.12)
  strictEqual(sumOf(await scrape(gateway, 'sluice_gpu_state'), 'state="ok"'), 1)
  for (const [signal, residue] of await scrape(gateway, 'sluice_ledger_residue')) strictEqual(residue, 0, signal)
  ok(sumOf(await scrape(gateway, 'sluice_items_total'), 'signal="metrics"', 'outcome="accepted"', '="gpu"') > 0)
  deepStrictEqual(backend.violations, [])
  strictEqual(await gateway.end('SIGTERM'), 0)
})
