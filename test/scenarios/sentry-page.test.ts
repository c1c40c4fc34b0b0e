import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import alerts from '../../config/sentry-alerts.json' with { type: 'json' }
import { TAGS } from '../../src/exporters/sentry/tags.ts'
import { startGateway, until } from '../support/gateway-process.ts'
import { SentryBackend } from '../support/sentry-backend.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const PAGE = readFileSync(join(ROOT, 'docs', 'sentry.md'), 'utf8')
const [FIRST_ERROR, APPLY] = Array.from(
  PAGE.matchAll(/<!-- run by test\/scenarios\/sentry-page.test.ts -->\n```sh\n([\s\S]*?)```/g),
  ([, script]) => script
)
const RULES = [...alerts.issueAlerts, ...alerts.metricAlerts]

test('the first error of the page is an issue, as the page tells', { timeout: 240_000 }, async (t) => {
  const backend = await SentryBackend.start(t)
  const gateway = await startGateway(t, {
    env: { SENTRY_DSN: backend.dsn() },
    yaml: 'receivers: { logs: off, otlp: { http: 127.0.0.1:0, grpc: off } }\nadmin: { listen: 127.0.0.1:0 }\nprocessors: { errors: { wait: 0s } }\n'
  })
  await promisify(execFile)('sh', ['-c', FIRST_ERROR.replace('http://localhost:4318', gateway.http)])
  const [{ json }] = await until(
    () => backend.items('event'),
    (items) => items.length === 1
  )
  const { type, value } = json.exception.values[0]
  ok(PAGE.includes(`\`${type}: ${value}\``))
  for (const tag of ['model', 'service', 'user.id']) ok(PAGE.includes(`\`${tag}: ${json.tags[tag]}\``), tag)
  deepStrictEqual(json.fingerprint, ['out-of-memory', 'device', 'xtts-v2'])
  deepStrictEqual(backend.violations, [])
})

test('the command of the page tells of each rule of the page, and changes nothing', { timeout: 240_000 }, async (t) => {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.headers.authorization}`)
    response.end('[]')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const [program, ...args] = APPLY.trim().split(' ')
  strictEqual(program, 'sluice')
  const { stdout } = await promisify(execFile)(process.execPath, [join(ROOT, 'src', 'main.ts'), ...args], {
    env: { PATH: process.env.PATH, SENTRY_AUTH_TOKEN: 'sntrys_x', SENTRY_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
  })
  for (const { name } of RULES) {
    ok(stdout.includes(`+ create  ${name}\n`), name)
    ok(PAGE.includes(`\n| ${name} |`), name)
  }
  match(stdout, /dry run/)
  deepStrictEqual(new Set(asked), new Set(['GET Bearer sntrys_x']))
})

test('the rules ask for tags that errors have', () => {
  const asked = [
    ...alerts.issueAlerts.flatMap(({ filters }) => filters.map(({ key }) => key)),
    ...alerts.metricAlerts.flatMap(({ query, dataset }) =>
      dataset === 'events' ? Array.from(query.matchAll(/has:(\S+)/g), ([, tag]) => tag) : []
    )
  ]
  deepStrictEqual(asked, ['http.status_code', 'stage'])
  for (const tag of asked) ok(tag in TAGS, tag)
})
