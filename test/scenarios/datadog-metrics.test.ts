import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DatadogBackend } from '../support/datadog-backend.ts'
import { nano, RESOURCE, sendOtlp, startForDatadog, text } from '../support/datadog-gateway.ts'
import { type GatewayProcess, until } from '../support/gateway-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const sendSum = (gateway: GatewayProcess, value: number, { startMs, monotonic = true }: { startMs: number; monotonic?: boolean }) =>
  sendOtlp(gateway, 'metrics', {
    resourceMetrics: [
      {
        resource: { attributes: [...RESOURCE.attributes, text('service.instance.id', 'tts-0')] },
        scopeMetrics: [
          {
            metrics: [
              {
                name: 'jobs',
                sum: {
                  aggregationTemporality: 2,
                  isMonotonic: monotonic,
                  dataPoints: [
                    { startTimeUnixNano: nano(startMs), timeUnixNano: nano(Date.now()), asInt: value, attributes: [text('stage', 'tts')] }
                  ]
                }
              }
            ]
          }
        ]
      }
    ]
  })

describe('metrics to Datadog', { concurrency: true }, () => {
  it('what only grows is told as what was added, over failures and a kill', { timeout: 240_000 }, async (t) => {
    const backend = await DatadogBackend.start(t)
    const dir = temporaryDirectory()
    let gateway = await startForDatadog(t, backend, { dir, exporter: 'compression: none' })
    const startMs = Date.now()
    let sent = Math.floor(startMs / 1000)
    const look = (count: number) =>
      until(
        () => backend.series.total('jobs'),
        (total) => total === count
      )
    const next = async (value: number): Promise<void> => {
      // Points of one second would be one at the intake.
      await until(
        () => Math.floor(Date.now() / 1000),
        (second) => second !== sent
      )
      sent = Math.floor(Date.now() / 1000)
      await sendSum(gateway, value, { startMs })
    }
    await next(10)
    await next(25)
    await look(25)
    backend.next({ status: 503 }, 'otlp-metrics')
    backend.next('reset', 'otlp-metrics')
    await next(40)
    await look(40)
    await gateway.end('SIGKILL')
    gateway = await startForDatadog(t, backend, { dir, exporter: 'compression: none' })
    await next(70)
    await look(70)
    strictEqual(await gateway.end('SIGTERM'), 0)
    deepStrictEqual(backend.violations, [])
    deepStrictEqual(backend.series.overwritten, [])
    const [point] = backend.series.of('jobs', 'stage:tts')
    ok(point.tags.includes('service.instance.id:tts-0'), String(point.tags))
  })
})
