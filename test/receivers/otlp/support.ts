import type { TestContext } from 'node:test'
import { z } from 'zod'
import type { Batch } from '../../../src/batch.ts'
import type { Host, Push } from '../../../src/component.ts'
import { lengthDelimited } from '../../../src/otlp/wire.ts'
import { otlp } from '../../../src/receivers/otlp/otlp.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { host } from '../../support/host.ts'

export interface Seen {
  readonly http: readonly string[]
  readonly grpc: readonly string[]
  /** What was pushed, with bytes of its own. */
  readonly batches: Batch[]
  /** A counter by reason. */
  counted(name: string): Record<string, number>
  stop(): Promise<void>
}

/** Starts a receiver with options as they stand in a file. */
export async function started(t: TestContext, options: object, push?: Push, parts: Partial<Host> = {}): Promise<Seen> {
  const metrics = parts.metrics ?? new Metrics()
  const receiver = otlp.create(z.strictObject(otlp.options).parse(options) as never, host({ ...parts, metrics }))
  const batches: Batch[] = []
  const keep = async (batch: Batch): Promise<void> => {
    batches.push({ ...batch, bytes: Uint8Array.from(batch.bytes) })
  }
  await receiver.start(push ?? keep)
  t.after(() => receiver.stop())
  const counted = (name: string): Record<string, number> =>
    Object.fromEntries(
      (metrics.families().find((family) => family.name === name)?.samples ?? []).map(({ labels, value }) => [labels.reason, value])
    )
  return { http: receiver.addresses.http, grpc: receiver.addresses.grpc, batches, counted, stop: () => receiver.stop() }
}

// request { resource entry = 1 { scope entry = 2 { record = 2 } } }
const request = (record: Buffer): Buffer => lengthDelimited(1, lengthDelimited(2, record))
const many = (count: number, record: Buffer): Buffer => Buffer.concat(Array.from({ length: count }, () => lengthDelimited(2, record)))
const name = (number: number, text: string): Buffer => lengthDelimited(number, Buffer.from(text))

export const spans = (count: number): Buffer => request(many(count, name(5, 'GET /projects')))
export const logs = (count: number): Buffer => request(many(count, lengthDelimited(5, name(1, 'hello'))))
export const empty = (): Buffer => request(Buffer.alloc(0))
export const bytes = {
  // Metric { name = 1, gauge = 5 { data point = 1 } }
  metrics: (count: number): Buffer =>
    request(many(count, Buffer.concat([name(1, 'm'), lengthDelimited(5, lengthDelimited(1, Buffer.alloc(0)))]))),
  profiles: (count: number): Buffer => request(many(count, Buffer.from([0x08, 1])))
}
