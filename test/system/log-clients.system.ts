import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startGateway, until } from '../support/gateway-process.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { failureOf, madeOnce } from './clients.ts'

const SOURCES = join(import.meta.dirname, 'log-clients')
const LINES = 50

let skip: string | false = false
let modules = ''
try {
  modules = madeOnce('log-clients', SOURCES, (dir) => {
    copyFileSync(join(SOURCES, 'package.json'), join(dir, 'package.json'))
    execFileSync('npm', ['install', '--silent', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: dir, stdio: 'pipe' })
  })
} catch (error) {
  skip = `SKIPPED: the log clients could not be installed: ${failureOf(error)}`
}

const CLIENTS = [
  'winston',
  'winston-batch',
  'winston-loki-json',
  'winston-loki-protobuf',
  'fluent-message',
  'fluent-forward',
  'fluent-packed',
  'fluent-compressed',
  'datadog'
]

for (const client of CLIENTS)
  test(`each line of ${client} arrives once, and is understood`, { skip, timeout: 240_000 }, async (t) => {
    const backend = await OtlpBackend.start(t)
    const gateway = await startGateway(t, {
      yaml: `
receivers:
  otlp: { http: 127.0.0.1:0, grpc: off }
  logs: { tcp: off, syslog: off, fluent: 127.0.0.1:0, fluentAuth: { sharedKey: k3y, users: { worker: pass } } }
admin: { listen: 127.0.0.1:0 }
exporters: { otlp: { endpoint: ${backend.url} } }
`
    })
    const fluent = JSON.stringify(gateway.log).match(/"fluent":\["([^"]+)"/)?.[1] ?? ''
    const program = join(SOURCES, 'client.ts')
    await promisify(execFile)(process.execPath, [program, join(modules, 'x.js'), client, gateway.http.slice(7), fluent, String(LINES)])
    await until(
      () => backend.records('logs').length,
      (count) => count >= LINES
    )
    const records = backend.records('logs')
    deepStrictEqual(records.map(({ body }) => body.stringValue).sort(), Array.from({ length: LINES }, (_, i) => `line ${i}`).sort())
    for (const { body, severityNumber, timeUnixNano, attributes } of records) {
      const index = body.stringValue.slice(5)
      const said = Object.fromEntries(
        attributes.map(({ key, value }: { key: string; value: object }) => [key, String(Object.values(value)[0])])
      )
      deepStrictEqual(
        [severityNumber, said['correlation.id'], said['job.stage'], said.duration],
        [13, `c-${index}`, 'tts', index],
        JSON.stringify(said)
      )
      // Datadog's API client sends no time.
      if (client !== 'datadog') strictEqual(Math.abs(Number(timeUnixNano) / 1e6 - Date.now()) < 60_000, true, timeUnixNano)
    }
    deepStrictEqual(backend.violations, [])
  })
