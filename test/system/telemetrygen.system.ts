import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { scrape, startGateway, sumOf, until } from '../support/gateway-process.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { failureOf, isHere } from './clients.ts'

const VERSION = 'v0.161.0'
const TRACES = 2_000
const SPANS_PER_TRACE = 4
const LOGS = 2_000

let skip: string | false = isHere('go', 'version') ? false : 'SKIPPED: there is no go here'
const dir = join(tmpdir(), `sluice-system-telemetrygen-${VERSION}`)
const telemetrygen = join(dir, 'telemetrygen')
if (skip === false && !isHere(telemetrygen, '--help')) {
  try {
    mkdirSync(dir, { recursive: true })
    const module = `github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen@${VERSION}`
    execFileSync('go', ['install', module], { cwd: dir, env: { ...process.env, GOBIN: dir }, stdio: 'pipe', timeout: 300_000 })
  } catch (error) {
    skip = `SKIPPED: telemetrygen could not be built: ${failureOf(error)}`
  }
}

for (const transport of ['http', 'grpc'] as const) {
  test(`telemetrygen over ${transport}: whole traces are kept or dropped, failed ones all kept`, { skip, timeout: 300_000 }, async (t) => {
    const backend = await OtlpBackend.start(t)
    const gateway = await startGateway(t, {
      yaml: `
receivers: { logs: off, otlp: { http: 127.0.0.1:0, grpc: 127.0.0.1:0 } }
admin: { listen: 127.0.0.1:0 }
queue: { dir: ${temporaryDirectory()} }
exporters: { otlp: { endpoint: ${backend.url} } }
`
    })
    const endpoint = transport === 'http' ? gateway.http.replace('http://', '') : gateway.grpc
    // One request for each span: batches it drops when it is faster than its own queue.
    const generate = (signal: string, ...args: string[]) =>
      promisify(execFile)(
        telemetrygen,
        [
          signal,
          '--otlp-insecure',
          `--otlp-endpoint=${endpoint}`,
          ...(transport === 'http' ? ['--otlp-http'] : []),
          '--rate=0',
          '--batch=false',
          ...args
        ],
        { maxBuffer: 64 * 2 ** 20 }
      )
    const children = `--child-spans=${SPANS_PER_TRACE - 1}`
    await generate('traces', `--traces=${TRACES}`, children)
    await generate('traces', '--traces=100', children, '--status-code=Error', '--service=failing')
    await generate('logs', `--logs=${LOGS}`)
    for (const type of ['Sum', 'Gauge', 'Histogram', 'ExponentialHistogram'])
      await generate('metrics', '--metrics=100', `--metric-type=${type}`, `--otlp-metric-name=made.${type}`)
    await until(
      () => scrape(gateway, 'sluice_items_held'),
      (held) => held.size > 0 && sumOf(held) === 0
    )
    const sent = (TRACES + 100) * SPANS_PER_TRACE
    const items = await scrape(gateway, 'sluice_items_total')
    strictEqual(sumOf(items, 'signal="traces"', 'component="otlp"', 'outcome="accepted"'), sent)
    strictEqual(sumOf(items, 'signal="traces"', 'outcome="sampled_out"'), sent - backend.spanCounts.size)
    strictEqual(sumOf(items, 'signal="logs"', 'outcome="delivered"'), LOGS)
    strictEqual(backend.records('logs').length, LOGS)

    const spansOf = new Map<string, { spans: number; failed: boolean }>()
    for (const { traceId, traceState, status } of backend.records('traces')) {
      const id = traceId.toString('hex')
      const failed = status?.code === 2 || status?.code === 'STATUS_CODE_ERROR'
      strictEqual(traceState, failed ? 'ot=th:0' : 'ot=th:e666')
      const trace = spansOf.get(id) ?? { spans: 0, failed }
      trace.spans++
      spansOf.set(id, trace)
    }
    for (const [id, { spans }] of spansOf) strictEqual(spans, SPANS_PER_TRACE, `trace ${id} is torn`)
    const failed = [...spansOf.values()].filter((trace) => trace.failed).length
    strictEqual(failed, 100)
    const kept = spansOf.size - failed
    ok(Math.abs(kept - 0.1 * TRACES) < 5 * Math.sqrt(0.09 * TRACES), `${kept} of ${TRACES} traces were kept`)
    t.diagnostic(`${kept} of ${TRACES} traces were kept, ${((100 * kept) / TRACES).toFixed(2)} %`)
    const names = new Set(backend.records('metrics').map(({ name }) => name))
    for (const type of ['Sum', 'Gauge', 'Histogram', 'ExponentialHistogram']) ok(names.has(`made.${type}`), type)
    for (const [labels, residue] of await scrape(gateway, 'sluice_ledger_residue')) strictEqual(residue, 0, labels)
    deepStrictEqual(backend.violations, [])
    strictEqual(await gateway.end('SIGTERM'), 0)
  })
}
