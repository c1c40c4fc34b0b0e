import type { TestContext } from 'node:test'
import { z } from 'zod'
import type { Push } from '../../../src/component.ts'
import { listenHttp } from '../../../src/net/http-server.ts'
import { nameOf, Sockets } from '../../../src/net/sockets.ts'
import { decode } from '../../../src/otlp/decode.ts'
import { sentry } from '../../../src/receivers/sentry/sentry.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { host } from '../../support/host.ts'

export const KEY = 'abcdef0123456789abcdef0123456789'
export const EVENT_ID = 'c0ffee00c0ffee00c0ffee00c0ffee00'
export const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736'

/** A record, with what tests ask for. */
export interface Read {
  readonly type: string
  readonly itemHeader: unknown
  readonly envelopeHeader: unknown
  readonly id: string
  readonly severity: number | undefined
  readonly traceId: string | undefined
  readonly spanId: string | undefined
  readonly seconds: number
  readonly quantities: string | undefined
  readonly body: string | Uint8Array | undefined
  readonly attributes: Readonly<Record<string, unknown>>
  readonly resource: Readonly<Record<string, unknown>>
}

export interface Started {
  readonly url: string
  readonly records: Read[]
  /** Of each batch the signal and the number of items. */
  readonly signals: readonly string[]
  /** A counter by one of its labels, summed up. */
  counted(name: string, label: string): Record<string, number>
}

/** The receiver on a port of somebody else, as in a gateway. */
export async function started(t: TestContext, options: object = {}, push?: Push): Promise<Started> {
  const metrics = new Metrics()
  const sockets = new Sockets()
  const settings = { connectionsMax: 10, headerMs: 60_000, idleMs: 60_000, guests: sockets.guests }
  const port = await listenHttp(sockets, { host: '127.0.0.1', port: 0 }, 'test', [], settings)
  const receiver = sentry.create(z.strictObject(sentry.options).parse(options) as never, host({ sockets, metrics, name: 'sentry' }))
  const records: Read[] = []
  const signals: string[] = []
  await receiver.start(async (batch) => {
    signals.push(`${batch.signal} ${batch.items}`)
    const read = batch.signal === 'envelopes' ? readRecords(batch.bytes) : []
    await push?.(batch)
    records.push(...read)
  })
  t.after(async () => {
    await receiver.stop()
    await port.close(100)
  })
  const counted = (name: string, label: string): Record<string, number> => {
    const sums: Record<string, number> = {}
    for (const { labels, value } of metrics.families().find((family) => family.name === name)?.samples ?? [])
      sums[labels[label]] = (sums[labels[label]] ?? 0) + value
    return sums
  }
  return { url: `http://${nameOf(port.address)}`, records, signals, counted }
}

const valuesOf = (list: readonly { key?: string; value?: { stringValue?: string; intValue?: bigint } }[] = []): Record<string, unknown> =>
  Object.fromEntries(list.map(({ key = '', value }) => [key, value?.stringValue ?? Number(value?.intValue)]))

export function readRecords(bytes: Uint8Array): Read[] {
  const { resourceLogs = [] } = decode('ExportLogsServiceRequest', bytes)
  return resourceLogs.flatMap(({ resource, scopeLogs = [] }) =>
    scopeLogs.flatMap(({ logRecords = [] }) =>
      logRecords.map((record) => {
        const attributes = valuesOf(record.attributes)
        return {
          type: attributes['sentry.item.type'] as string,
          itemHeader: JSON.parse(attributes['sentry.item.header'] as string),
          envelopeHeader: JSON.parse(attributes['sentry.envelope.header'] as string),
          id: attributes['sentry.envelope.id'] as string,
          severity: record.severityNumber,
          traceId: record.traceId,
          spanId: record.spanId,
          seconds: Math.round(Number(record.timeUnixNano) / 1000) / 1e6,
          quantities: attributes['sentry.item.sampled_quantities'] as string | undefined,
          body: record.body?.stringValue ?? record.body?.bytesValue,
          attributes,
          resource: valuesOf(resource?.attributes)
        }
      })
    )
  )
}

export type Item = readonly [header: object, payload: unknown]

/** An envelope as an SDK writes it. Payloads that are neither text nor bytes become JSON. */
export function envelopeOf(header: object, ...items: readonly Item[]): Buffer {
  const parts: (string | Uint8Array)[] = [JSON.stringify(header), '\n']
  for (const [itemHeader, content] of items) {
    const payload = content instanceof Uint8Array ? content : Buffer.from(typeof content === 'string' ? content : JSON.stringify(content))
    parts.push(JSON.stringify({ ...itemHeader, length: payload.length }), '\n', payload, '\n')
  }
  return Buffer.concat(parts.map((part) => Buffer.from(part)))
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly json: Record<string, unknown>
}

export async function post(url: string, body: string | Uint8Array, headers: Record<string, string> = {}): Promise<Answer> {
  const answer = await fetch(url, { method: 'POST', body: Buffer.from(body), headers: { 'content-type': 'text/plain', ...headers } })
  return { status: answer.status, headers: answer.headers, json: (await answer.json()) as Record<string, unknown> }
}
