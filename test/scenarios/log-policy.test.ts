import { ok, strictEqual } from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { KeyValue } from '../../src/otlp/objects.ts'
import { booksOf } from '../support/books.ts'
import { scrape, startGateway, sumOf, until } from '../support/gateway-process.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'

const LINES = 5_000
const PAGE = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'log-policy.md'), 'utf8')

test('a flood of lines is cut by the policy of the docs, summed up at the stop, and the books balance', { timeout: 240_000 }, async (t) => {
  const backend = await OtlpBackend.start(t)
  const [, example] = /```yaml\n([\s\S]*?)```/.exec(PAGE) ?? []
  ok(example !== undefined)
  const gateway = await startGateway(t, {
    args: ['--stdin'],
    env: { OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=production' },
    yaml: `
receivers: { otlp: { http: 127.0.0.1:0, grpc: off }, logs: { http: false, tcp: off, syslog: off, fluent: off } }
admin: { listen: 127.0.0.1:0 }
exporters: { otlp: { endpoint: ${backend.url} } }
${example.replace('ratePerSecond: 500', 'ratePerSecond: 500\n    burst: 100')}
`
  })
  const line = (i: number): string => JSON.stringify({ level: i % 2 === 0 ? 'debug' : 'info', message: `line ${i % 1000}` })
  const input = gateway.child.stdin!
  for (let i = 0; i < LINES; i++) input.write(`${line(i)}\n`)
  await until(
    () => scrape(gateway, 'sluice_items_total'),
    (items) => sumOf(items, 'outcome="accepted",signal="logs",stage="receive"') === LINES
  )
  const books = await booksOf(gateway, 'logs')
  strictEqual(books.received, LINES)
  const taken = await scrape(gateway, 'sluice_limit_records_total')
  strictEqual(sumOf(taken) + books.enqueued, LINES)
  strictEqual(sumOf(taken, 'reason="severity"'), LINES / 2)
  for (const [labels, residue] of await scrape(gateway, 'sluice_ledger_residue')) strictEqual(residue, 0, labels)
  const ended = once(gateway.child, 'exit')
  input.end()
  strictEqual((await ended)[0], 0)
  const summaries = backend
    .records('logs')
    .map(({ attributes }) => new Map((attributes as KeyValue[]).map(({ key, value }) => [key, value?.intValue ?? value?.stringValue])))
    .filter((attributes) => attributes.has('sluice.limit.records'))
  const said = (reason: string): number =>
    summaries
      .filter((attributes) => attributes.get('sluice.limit.reason') === reason)
      .reduce((sum, attributes) => sum + Number(attributes.get('sluice.limit.records')), 0)
  strictEqual(said('rate'), sumOf(taken, 'reason="rate"'))
  strictEqual(said('repeated'), sumOf(taken, 'reason="repeated"'))
})
