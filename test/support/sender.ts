import { ok } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { OtlpBackend } from './otlp-backend.ts'
import { attribute, fixed64, message, request, span, string } from './otlp-bytes.ts'

/** Items of one request. */
export const ITEMS = 10

export interface Sender {
  /** Ids of items that were acknowledged, by signal. */
  readonly acknowledged: Record<SentSignal, Set<string>>
  /** What was answered but was no success, by status; `none` where there was no answer. */
  readonly failures: Map<string, number>
  stop(): Promise<void>
}

export type SentSignal = keyof typeof BUILD

const BUILD = {
  traces: (ids: readonly string[]) => request(ids.map((traceId) => span({ traceId, spanId: traceId.slice(16) }))),
  logs: (ids: readonly string[]) => request(ids.map((id) => Buffer.concat([fixed64(1, 1n), message(5, string(1, id))]))),
  metrics: (ids: readonly string[]) =>
    request(
      ids.map((id) => Buffer.concat([string(1, 'work'), message(5, message(1, fixed64(3, 1n), fixed64(6, 1n), attribute(7, 'id', id)))]))
    )
}

export const SENT_SIGNALS = Object.keys(BUILD) as SentSignal[]

/** Sends small requests of all signals, one after another, each until it is acknowledged, as an SDK's retries do. Ends with the test at the latest. */
export function send(t: { after(done: () => void): void }, url: string): Sender {
  const acknowledged = { traces: new Set<string>(), logs: new Set<string>(), metrics: new Set<string>() }
  const failures = new Map<string, number>()
  let stopped = false
  t.after(() => {
    stopped = true
  })
  const loop = async (signal: SentSignal): Promise<void> => {
    while (!stopped) {
      const ids = Array.from({ length: ITEMS }, () => randomBytes(16).toString('hex'))
      const body = BUILD[signal](ids)
      for (;;) {
        const answer = await fetch(`${url}/v1/${signal}`, {
          method: 'POST',
          body,
          headers: { 'content-type': 'application/x-protobuf' }
        }).catch(() => null)
        await answer?.arrayBuffer().catch(() => null)
        if (answer?.status === 200) {
          for (const id of ids) acknowledged[signal].add(id)
          break
        }
        const failure = String(answer?.status ?? 'none')
        failures.set(failure, (failures.get(failure) ?? 0) + 1)
        ok(answer === null || answer.status === 503 || answer.status === 429, `answered ${failure}`)
        if (stopped) return
        await sleep(20)
      }
    }
  }
  const loops = SENT_SIGNALS.flatMap((signal) => [loop(signal), loop(signal)])
  return {
    acknowledged,
    failures,
    async stop() {
      stopped = true
      await Promise.all(loops)
    }
  }
}

/** Whether a tenth of all traces has this one among it. */
export const isKept = (traceId: string): boolean => traceId.slice(18) >= 'e6660000000000'

/** The ids of what a backend took from senders, as often as it was taken. */
export function deliveredIds(backend: OtlpBackend): Record<SentSignal, string[]> {
  return {
    traces: backend.records('traces').map(({ traceId }) => traceId.toString('hex')),
    logs: backend.records('logs').map(({ body }) => body.stringValue),
    metrics: backend
      .records('metrics')
      .filter(({ name }) => name === 'work')
      .map(({ gauge }) => gauge.dataPoints[0].attributes[0].value.stringValue)
  }
}
