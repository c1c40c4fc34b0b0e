import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { scrape, startGateway, sumOf, until } from '../support/gateway-process.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { tryLock, unlock } from './file-lock.ts'

const SPANS = Number(process.env.SLUICE_SYSTEM_SPANS ?? 100_000)
const LOGS = 10_000
const ERROR_EVERY = 50
const CLIENT_WITHIN_MS = 240_000

/** Whether a program of this name answers to `args`. */
export function isHere(program: string, ...args: string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'pipe' })
    return true
  } catch {
    return false
  }
}

/**
 * A directory in which `make` has put what a test needs, kept under the machine's temporary directory for the next run. It is made anew when
 * anything in `sources` has changed.
 */
export function madeOnce(name: string, sources: string, make: (dir: string) => void): string {
  const hash = createHash('sha256')
  for (const file of readdirSync(sources).sort()) hash.update(file).update(readFileSync(join(sources, file)))
  const dir = join(tmpdir(), `sluice-system-${name}-${hash.digest('hex').slice(0, 12)}`)
  const done = join(dir, '.done')
  const lock = `${dir}.lock`
  while (!existsSync(done)) {
    if (!tryLock(lock)) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOCK_LOOK_MS)
      continue
    }
    try {
      rmSync(dir, { recursive: true, force: true })
      mkdirSync(dir)
      make(dir)
      writeFileSync(done, '')
    } finally {
      unlock(lock)
    }
  }
  return dir
}

const LOCK_LOOK_MS = 200

/** Why a client could not be made, for the reason of a skip; the last lines of what was said. */
export function failureOf(error: unknown): string {
  const { stderr, message } = error as { stderr?: Buffer; message: string }
  return (stderr?.toString() ?? message).trim().split('\n').slice(-3).join(' | ')
}

/**
 * Runs an SDK's program against a gateway and checks the promises: 100 % measured to the item, a tenth kept, all errors kept, logs and metrics
 * through, books balanced. The program is told SPANS ERROR_EVERY LOGS, and by the environment where to send and how.
 */
export async function checkClient(
  t: TestContext,
  protocol: 'http/protobuf' | 'grpc',
  program: string,
  args: readonly string[]
): Promise<void> {
  const backend = await OtlpBackend.start(t)
  const gateway = await startGateway(t, {
    yaml: `
receivers: { logs: off, otlp: { http: 127.0.0.1:0, grpc: 127.0.0.1:0 } }
admin: { listen: 127.0.0.1:0 }
queue: { dir: ${temporaryDirectory()} }
exporters: { otlp: { endpoint: ${backend.url} } }
`
  })
  const endpoint = protocol === 'grpc' ? `http://${gateway.grpc}` : gateway.http
  const { stdout, stderr } = await promisify(execFile)(program, [...args, ...[SPANS, ERROR_EVERY, LOGS].map(String)], {
    env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: protocol },
    timeout: CLIENT_WITHIN_MS,
    maxBuffer: 64 * 2 ** 20
  })
  const errors = new Set((JSON.parse(stdout) as { errors: string[] }).errors)
  strictEqual(errors.size, Math.ceil(SPANS / ERROR_EVERY), stderr)
  await until(
    () => scrape(gateway, 'sluice_items_held'),
    (held) => held.size > 0 && sumOf(held) === 0
  )

  strictEqual(sumOf(await scrape(gateway, 'http_requests_total'), 'method="GET"'), SPANS, '/metrics counts every span')
  strictEqual(sumOf(await scrape(gateway, 'client_calls_total'), 'stage="tts"'), SPANS, 'and shows what the client counted')
  const spans = backend.records('traces')
  strictEqual(spans.length, backend.spanCounts.size, 'each span once')
  const usual = SPANS - errors.size
  let kept = 0
  for (const { spanId, traceState } of spans) {
    const failed = errors.delete(spanId.toString('hex'))
    strictEqual(traceState, failed ? 'ot=th:0' : 'ot=th:e666')
    if (!failed) kept++
  }
  strictEqual(errors.size, 0, 'an error span is missing')
  // Five times the standard deviation, which for 100,000 spans is the half percent that is promised.
  ok(Math.abs(kept - 0.1 * usual) < 5 * Math.sqrt(0.09 * usual), `${kept} of ${usual} usual spans were kept`)
  t.diagnostic(`${protocol}: ${kept} of ${usual} usual spans were kept, ${((100 * kept) / usual).toFixed(2)} %`)

  const lines = new Set(backend.records('logs').map(({ body }) => body.stringValue))
  strictEqual(lines.size, LOGS)
  ok(lines.has('line 0') && lines.has(`line ${LOGS - 1}`))
  const points = backend.records('metrics').filter(({ name }) => name === 'client.calls')
  strictEqual(Number(points.at(-1)?.sum.dataPoints[0].asInt), SPANS)

  const items = await scrape(gateway, 'sluice_items_total')
  strictEqual(sumOf(items, 'signal="traces"', 'outcome="accepted"', 'component="otlp"'), SPANS)
  strictEqual(sumOf(items, 'signal="traces"', 'outcome="sampled_out"'), SPANS - spans.length)
  for (const [labels, residue] of await scrape(gateway, 'sluice_ledger_residue')) strictEqual(residue, 0, labels)
  deepStrictEqual(backend.violations, [])
  strictEqual(await gateway.end('SIGTERM'), 0)
}
