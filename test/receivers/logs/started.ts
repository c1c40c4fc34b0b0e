import type { TestContext } from 'node:test'
import { z } from 'zod'
import type { Host, Push } from '../../../src/component.ts'
import { logs } from '../../../src/receivers/logs/logs.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { host } from '../../support/host.ts'
import { type Read, recordsIn } from './record.ts'

export interface Started {
  /** Where logs over HTTP are taken. */
  readonly http: string
  /** Where Fluent Forward is. */
  readonly fluent: string
  /** Where something else is, by its option. */
  at(name: string): string
  readonly records: Read[]
  /** Who sent each batch. */
  readonly senders: (string | undefined)[]
  /** A counter by one of its labels. */
  counted(name: string, label: string): Record<string, number>
  stop(): Promise<void>
}

/** Starts the receiver with options as they stand in a file; what is not named does not listen. */
export async function started(t: TestContext, options: object, push?: Push, parts: Partial<Host> = {}): Promise<Started> {
  const metrics = parts.metrics ?? new Metrics()
  const off = { http: false, tcp: 'off', syslog: 'off', fluent: 'off' }
  const receiver = logs.create(z.strictObject(logs.options).parse({ ...off, ...options }) as never, host({ ...parts, metrics }))
  const records: Read[] = []
  const senders: (string | undefined)[] = []
  await receiver.start(async (batch) => {
    // Read before it may be freed, kept when it is durable.
    const read = recordsIn(batch.bytes)
    await push?.(batch)
    records.push(...read)
    senders.push(batch.sender)
  })
  t.after(() => receiver.stop())
  const counted = (name: string, label: string): Record<string, number> =>
    Object.fromEntries(
      (metrics.families().find((family) => family.name === name)?.samples ?? []).map(({ labels, value }) => [labels[label], value])
    )
  const at = (name: string): string => receiver.addresses[name]?.[0] ?? ''
  return {
    get http() {
      return at('logs')
    },
    get fluent() {
      return at('fluent')
    },
    at,
    records,
    senders,
    counted,
    stop: () => receiver.stop()
  }
}
