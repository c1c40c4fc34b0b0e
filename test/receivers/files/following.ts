import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { z } from 'zod'
import type { Host, Push } from '../../../src/component.ts'
import { files } from '../../../src/receivers/files/files.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { until } from '../../support/gateway-process.ts'
import { host } from '../../support/host.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import { type Read, recordsIn } from '../logs/record.ts'

/** A directory of logs and the receiver that follows them, to be started and ended as often as a test likes. */
export class Following {
  readonly dir: string
  readonly logs: string
  readonly records: Read[] = []
  /** Warnings of the receiver. */
  readonly warnings: string[] = []
  metrics = new Metrics()
  private readonly t: TestContext
  private receiver: ReturnType<typeof files.create> | null = null
  private hostParts: Partial<Host> = {}

  constructor(t: TestContext) {
    this.t = t
    this.dir = temporaryDirectory()
    this.logs = join(this.dir, 'logs')
    mkdirSync(this.logs)
  }

  /** Follows with options as they stand in a file. */
  async start(options: object = {}, push?: Push, parts: Partial<Host> = {}): Promise<void> {
    this.metrics = parts.metrics ?? new Metrics()
    const warn = (_fields: object, message: string): void => void this.warnings.push(message)
    const silent = (): void => undefined
    this.hostParts = {
      name: 'files',
      stateDir: join(this.dir, 'state'),
      log: { debug: silent, info: silent, warn, error: warn },
      ...parts,
      metrics: this.metrics
    }
    const written = { include: [join(this.logs, '**/*.log')], pollInterval: '10ms', batchDelay: '2ms', joinWithin: '20ms', ...options }
    await files.prepare?.()
    const receiver = files.create(z.strictObject(files.options).parse(written) as never, host(this.hostParts))
    this.receiver = receiver
    this.t.after(() => receiver.stop())
    await receiver.start(async (batch) => {
      const read = recordsIn(batch.bytes)
      await push?.(batch)
      this.records.push(...read)
    })
  }

  async stop(): Promise<void> {
    await this.receiver?.stop()
    this.receiver = null
  }

  get bodies(): unknown[] {
    return this.records.map(({ body }) => body)
  }

  /** Waits for so many records in all. */
  async come(count: number): Promise<unknown[]> {
    await until(
      () => this.records.length,
      (length) => length >= count
    )
    return this.bodies
  }

  /** A metric by one of its labels. */
  counted(name: string, label: string): Record<string, number> {
    const family = this.metrics.families().find((each) => each.name === name)
    return Object.fromEntries((family?.samples ?? []).map(({ labels, value }) => [labels[label], value]))
  }

  gauge(name: string): number {
    return this.metrics.families().find((each) => each.name === name)?.samples[0]?.value ?? Number.NaN
  }
}
