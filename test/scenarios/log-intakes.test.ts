import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { scrape, startGateway, sumOf, until } from '../support/gateway-process.ts'

const PAGE = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'log-intakes.md'), 'utf8')
const RELOADED = 'the configuration was reloaded'

const yaml = (logs: string, http = '127.0.0.1:0'): string => `
receivers: { otlp: { http: ${http}, grpc: off }, logs: { tcp: off, syslog: off, fluent: off${logs} } }
admin: { listen: 127.0.0.1:0 }
`

test('the examples of the page arrive', async (t) => {
  const [, script] = /<!-- run by test\/scenarios\/log-intakes.test.ts -->\n```sh\n([\s\S]*?)```/.exec(PAGE) ?? []
  ok(script !== undefined, 'the example is marked')
  const gateway = await startGateway(t, { yaml: yaml('') })
  const { stdout } = await promisify(execFile)('sh', ['-ec', script.replaceAll('localhost:4318', gateway.http.slice(7))])
  strictEqual(stdout, '{"lines":1}{}')
  const lines = await scrape(gateway, 'sluice_log_lines_total')
  deepStrictEqual([lines.size, sumOf(lines)], [4, 4])
})

test('logs and OTLP reload under load, each by itself, and no request is turned away', { timeout: 240_000 }, async (t) => {
  const gateway = await startGateway(t, { yaml: yaml('') })
  const statuses: Record<string, number> = {}
  let isDone = false
  const send = async (path: string, body: string): Promise<void> => {
    while (!isDone) {
      const answer = await fetch(gateway.http + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
      await answer.arrayBuffer()
      statuses[`${path} ${answer.status}`] = (statuses[`${path} ${answer.status}`] ?? 0) + 1
    }
  }
  const sending = [send('/logs', '{"message":"a"}'), send('/v1/logs', '{}')]
  const reload = async (text: string): Promise<void> => {
    const before = gateway.log.length
    const count = statuses['/logs 200'] ?? 0
    gateway.configure(text)
    gateway.child.kill('SIGHUP')
    await until(
      () => gateway.log.slice(before),
      (lines) => lines.some(({ msg }) => msg === RELOADED)
    )
    await until(
      () => statuses['/logs 200'] ?? 0,
      (now) => now > count + 20
    )
  }
  await reload(yaml(', lineMax: 1KiB'))
  await reload(yaml(', lineMax: 1KiB').replace('grpc: off', 'grpc: off, requestMax: 1MiB'))
  await reload(yaml(', lineMax: 2KiB'))
  isDone = true
  await Promise.all(sending)
  deepStrictEqual(Object.keys(statuses).sort(), ['/logs 200', '/v1/logs 200'])
  // Switched off, it is gone from the port, and OTLP is not.
  gateway.configure(yaml(', http: false'))
  gateway.child.kill('SIGHUP')
  await until(
    async () => (await fetch(`${gateway.http}/logs`, { method: 'POST', body: 'x' })).status,
    (status) => status === 404
  )
  strictEqual(
    (await fetch(`${gateway.http}/v1/logs`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })).status,
    200
  )
})

test('what no port serves is told of at the start', async (t) => {
  const gateway = await startGateway(t, { yaml: yaml('', 'off') })
  const told = gateway.log.map(({ msg }) => String(msg)).filter((msg) => msg.includes('is served on the ports of'))
  strictEqual(told.length, 2)
  match(told[0], /^receivers\.logs\.http /)
  match(told[1], /^receivers\.sentry\.http /)
})
