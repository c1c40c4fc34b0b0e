import { strictEqual } from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { DatadogBackend } from './datadog-backend.ts'
import { type GatewayProcess, startGateway } from './gateway-process.ts'
import { type Tree, toProtobuf } from './otlp-message.ts'
import { temporaryDirectory } from './temporary-directory.ts'

export interface DatadogOptions {
  readonly dir?: string
  /** More lines of the exporter, of `endpoints`, and of the file. */
  readonly exporter?: string
  readonly endpoints?: readonly string[]
  readonly more?: string
  readonly key?: string
  readonly sample?: string
}

/** A gateway that is told by the environment alone to send to Datadog, and by its file where Datadog is. */
export function startForDatadog(
  t: TestContext,
  backend: DatadogBackend,
  { dir = temporaryDirectory(), exporter = '', endpoints = [], more = '', key = backend.key, sample = '100%' }: DatadogOptions = {}
): Promise<GatewayProcess> {
  return startGateway(t, {
    env: { DD_API_KEY: key },
    yaml: `
receivers: { logs: { http: true, tcp: off, syslog: off, fluent: off }, otlp: { http: 127.0.0.1:0, grpc: off } }
admin: { listen: 127.0.0.1:0 }
processors: { derive: off, cost: off, sample: { traces: ${sample} } }
queue: { dir: ${dir} }
${more}
exporters:
  datadog:
    endpoints:
      logs: ${backend.url}/api/v2/logs
      metrics: ${backend.url}/v1/metrics
      series: ${backend.url}/api/v2/series
      ${endpoints.join('\n      ')}
    ${exporter}
`
  })
}

/** An attribute. */
export const text = (key: string, stringValue: string): Tree => ({ key, value: { stringValue } })

/** Milliseconds since 1970 as OTLP's nanoseconds. */
export const nano = (ms: number): string => `${BigInt(Math.floor(ms)) * 1_000_000n}`

export const RESOURCE: Tree = {
  attributes: [text('service.name', 'tts'), text('deployment.environment.name', 'prod'), text('service.version', '1.2.3')]
}

/** Sends a request in OTLP and sees that it is taken. */
export async function sendOtlp(gateway: GatewayProcess, signal: 'traces' | 'logs' | 'metrics', request: Tree): Promise<void> {
  const body = Uint8Array.from(toProtobuf(signal, request))
  const { status } = await fetch(`${gateway.http}/v1/${signal}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf' },
    body
  })
  strictEqual(status, 200)
}
