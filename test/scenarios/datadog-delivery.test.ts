import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { booksOf } from '../support/books.ts'
import { DatadogBackend } from '../support/datadog-backend.ts'
import { nano, RESOURCE, sendOtlp, startForDatadog } from '../support/datadog-gateway.ts'
import { type GatewayProcess, scrape, sumOf, until } from '../support/gateway-process.ts'
import type { Tree } from '../support/otlp-message.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const sendLogs = (gateway: GatewayProcess, bodies: readonly string[], more: Tree = {}): Promise<void> =>
  sendOtlp(gateway, 'logs', {
    resourceLogs: [
      {
        resource: RESOURCE,
        scopeLogs: [
          {
            logRecords: bodies.map((body) => ({ timeUnixNano: nano(Date.now()), severityNumber: 9, body: { stringValue: body }, ...more }))
          }
        ]
      }
    ]
  })

const settled = (gateway: GatewayProcess, signal: string, count: number) =>
  until(
    () => booksOf(gateway, signal),
    (books) => books.delivered + books.dropped === count && books.held === 0
  )

const readiness = async (gateway: GatewayProcess): Promise<string> => (await fetch(`${gateway.admin}/readyz`)).text()

// At the same time, since most of it is waiting.
describe('delivery to Datadog', { concurrency: true }, () => {
  it('a log of 1.5 MB, 5,000 of them at once, and more than 5 MB at once', { timeout: 240_000 }, async (t) => {
    const backend = await DatadogBackend.start(t)
    const gateway = await startForDatadog(t, backend)
    await sendLogs(gateway, [`long ${'word '.repeat(300_000)}`])
    await sendLogs(
      gateway,
      Array.from({ length: 5_000 }, (_, i) => `entry ${i}`)
    )
    await sendLogs(
      gateway,
      Array.from({ length: 70 }, (_, i) => `large ${i} ${'word '.repeat(20_000)}`)
    )
    const books = await settled(gateway, 'logs', 5_071)
    const truncated = sumOf(await scrape(gateway, 'sluice_datadog_trimmed_total'))
    strictEqual(await gateway.end('SIGTERM'), 0)
    deepStrictEqual(backend.violations, [])
    deepStrictEqual([books.delivered, books.dropped, backend.logs.length], [5_071, 0, 5_071])
    // What is too long is cut here, with a mark and a count, and not by the intake in silence.
    deepStrictEqual([truncated, backend.logsTruncated], [1, 0])
    const [long] = backend.logs.filter(({ message }) => message.startsWith('long'))
    ok(long.message.length > 900_000 && long.message.length < 1_000_000)
    const messages = new Set(backend.logs.map(({ message }) => message.split(' ').slice(0, 2).join(' ')))
    for (let i = 0; i < 5_000; i++) ok(messages.has(`entry ${i}`), `entry ${i}`)
    for (let i = 0; i < 70; i++) ok(messages.has(`large ${i}`), `large ${i}`)
  })

  it('a log of the platform reads right and stands beside its trace', { timeout: 240_000 }, async (t) => {
    const backend = await DatadogBackend.start(t)
    const gateway = await startForDatadog(t, backend)
    const [traceId, spanId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')]
    // As Winston writes it in the platform's services, taken over HTTP.
    const line = {
      ...{ timestamp: new Date().toISOString(), level: 'error', message: 'synthesis failed', service: 'tts', correlationId: 'c-1' },
      ...{ userId: 'user-42', projectId: 'p-7', stage: 'tts', duration: 1234, trace_id: traceId, span_id: spanId }
    }
    const answer = await fetch(`${gateway.http}/logs`, {
      method: 'POST',
      body: JSON.stringify(line),
      headers: { 'content-type': 'application/json' }
    })
    ok(answer.ok, String(answer.status))
    await sendLogs(gateway, ['by OTLP'], { traceId: Buffer.from(traceId, 'hex'), spanId: Buffer.from(spanId, 'hex'), severityNumber: 17 })
    await settled(gateway, 'logs', 2)
    strictEqual(await gateway.end('SIGTERM'), 0)
    deepStrictEqual(backend.violations, [])
    const logs = backend.logsOf(traceId, spanId)
    deepStrictEqual(logs.map(({ message, entry }) => [message, entry.status, entry.service]).sort(), [
      ['by OTLP', 'error', 'tts'],
      ['synthesis failed', 'error', 'tts']
    ])
    const byOtlp = logs.find(({ message }) => message === 'by OTLP')!
    ok(byOtlp.tags.includes('env:prod') && byOtlp.tags.includes('version:1.2.3'), String(byOtlp.tags))
    ok(logs.every(({ entry }) => entry.ddsource !== undefined))
    match(JSON.stringify(logs.map(({ entry }) => entry)), new RegExp(`"otel.trace_id":"${traceId}"|"otel":\\{[^}]*"trace_id":"${traceId}"`))
  })

  it('a wrong key stops it, says so, and nothing is lost', { timeout: 240_000 }, async (t) => {
    const backend = await DatadogBackend.start(t)
    const dir = temporaryDirectory()
    const first = await startForDatadog(t, backend, { dir, key: 'e'.repeat(32) })
    await sendLogs(first, ['a', 'b'])
    match(
      await until(
        () => readiness(first),
        (said) => /wrong key or wrong site/.test(said)
      ),
      /wrong key or wrong site/
    )
    const { held } = await booksOf(first, 'logs')
    strictEqual(held, 2)
    ok((backend.answers.get('logs 403') ?? 0) <= 3, 'it is not asked again and again')
    strictEqual(await first.end('SIGTERM'), 0)
    ok(first.log.every((line) => !JSON.stringify(line).includes('e'.repeat(32))))
    const second = await startForDatadog(t, backend, { dir })
    await until(
      () => backend.logs.length,
      (count) => count === 2
    )
    strictEqual(await second.end('SIGTERM'), 0)
    deepStrictEqual(backend.violations, [])
  })

  it('each answer of the logs intake is treated as it is told', { timeout: 240_000 }, async (t) => {
    const f = async (
      behaviours: readonly Parameters<DatadogBackend['next']>[0][],
      expected: readonly [delivered: number, dropped: number]
    ) => {
      const backend = await DatadogBackend.start(t)
      const gateway = await startForDatadog(t, backend)
      for (const behaviour of behaviours) backend.next(behaviour, 'logs')
      await sendLogs(gateway, ['a', 'b', 'c', 'd'])
      const { delivered, dropped } = await settled(gateway, 'logs', 4)
      await gateway.end('SIGTERM')
      deepStrictEqual([delivered, dropped], expected, JSON.stringify(behaviours))
      deepStrictEqual(backend.violations, [])
      strictEqual(new Set(backend.logs.map(({ message }) => message)).size, expected[0])
    }
    await Promise.all([
      f([{ status: 500 }], [4, 0]),
      f([{ status: 503, headers: { 'retry-after': '1' } }], [4, 0]),
      f([{ status: 408 }], [4, 0]),
      f(['reset', 'half'], [4, 0]),
      f([{ status: 413 }], [4, 0]),
      f([{ status: 413 }, { status: 413 }, { status: 413 }], [3, 1]),
      f([{ status: 400 }], [0, 4])
    ])
  })

  it('a limit is kept to the second', { timeout: 240_000 }, async (t) => {
    const backend = await DatadogBackend.start(t)
    const gateway = await startForDatadog(t, backend)
    backend.limit('logs', 3)
    await sendLogs(gateway, ['a'])
    await sendLogs(gateway, ['b'])
    await settled(gateway, 'logs', 2)
    strictEqual(await gateway.end('SIGTERM'), 0)
    deepStrictEqual(backend.violations, [])
    strictEqual(backend.logs.length, 2)
  })
})
