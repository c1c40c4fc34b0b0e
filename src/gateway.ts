import { join } from 'node:path'
import { type AdminPort, openAdmin } from './admin.ts'
import { assemble, type Components, destinationsOf, NONE, newOnes, planOf, type Running, signalsWithEmail } from './assembly.ts'
import { SIGNALS, type Signal } from './batch.ts'
import type { Exporter, Host, Log, Receiver, ReceiverDefinition } from './component.ts'
import type { Config } from './config/config.ts'
import { sameOptions } from './config/same.ts'
import { Deliveries } from './deliveries.ts'
import { decodeLines } from './entry.ts'
import { messageOf, RefusedError } from './errors.ts'
import { type OpenFacts, openFacts } from './facts/open.ts'
import { type FactsPort, openFactsPort } from './facts-port.ts'
import { enqueuedIn, Ledger } from './ledger.ts'
import { allocate } from './memory.ts'
import { nameOf, Sockets } from './net/sockets.ts'
import { editInMemoryOf } from './otlp/patch.ts'
import { Pipeline } from './pipeline.ts'
import { Queue, type QueueEvent } from './queue/queue.ts'
import { unreadiness } from './readiness.ts'
import { showBooks } from './show-books.ts'
import { Metrics } from './telemetry/metrics.ts'
import { showProcess } from './telemetry/process.ts'
import { Rarely } from './telemetry/rarely.ts'
import type { Tracer } from './telemetry/tracer.ts'

/** How often what processors have made themselves goes on to the exporters. */
const COLLECT_INTERVAL_MS = 15_000
/** How often they are asked for what they hold back. */
const FLUSH_INTERVAL_MS = 1_000
/** Of the time for a stop, so much is kept for what comes after the deliveries: last words to destinations, and closing. */
const CLOSING_SHARE = 0.1

/** What is evicted first when the queue is full and the policy says evict. */
const PRIORITIES: Record<Signal, number> = { profiles: 0, traces: 1, logs: 2, metrics: 3, envelopes: 4, errors: 5, stats: 6 }

export interface Surroundings {
  readonly log: Log
  readonly tracer: Tracer
  readonly version: string
  /** Is told when telemetry comes for the first time. */
  readonly onFirstBatch?: () => void
}

/** The only wiring: makes of a configuration a running gateway, and of another one the same gateway changed. */
export class Gateway {
  private config: Config
  private readonly surroundings: Surroundings
  private readonly metrics = new Metrics()
  private readonly sockets = new Sockets()
  private readonly ledger = new Ledger()
  private readonly rarely = new Rarely()
  private facts!: OpenFacts
  private queue!: Queue
  private pipeline!: Pipeline
  private deliveries!: Deliveries
  private admin: AdminPort | null = null
  private factsPort: FactsPort | null = null
  private components!: Components
  private collecting: NodeJS.Timeout | undefined
  private flushing: NodeJS.Timeout | undefined
  private stopping = false
  private hasBatches = false
  private finish!: () => void
  /** Resolves when what a receiver reads has ended, as a pipe does. */
  readonly finished = new Promise<void>((resolve) => {
    this.finish = resolve
  })

  private constructor(config: Config, surroundings: Surroundings) {
    this.config = config
    this.surroundings = surroundings
  }

  /** Resolves when everything listens. Throws RefusedError where it cannot, having let go of all that it held. */
  static async start(config: Config, surroundings: Surroundings): Promise<Gateway> {
    const gateway = new Gateway(config, surroundings)
    try {
      await gateway.open()
      return gateway
    } catch (error) {
      await gateway.stop().catch(() => undefined)
      throw error
    }
  }

  private async open(): Promise<void> {
    const { config, surroundings, ledger } = this
    const { log, tracer, version } = surroundings
    // What processors make of a batch is freed when the next one has replaced it, and is the size that the batch after it needs.
    editInMemoryOf(allocate)
    this.facts = openFacts(config.facts, log, this.metrics)
    this.queue = await this.openQueue()
    this.components = await this.assemble(config, null)
    await Promise.all(this.components.exporters.map(({ made }) => made.start?.()))
    this.keepEmail(this.components)
    this.pipeline = new Pipeline(this.queue, ledger, planOf(this.components))
    this.deliveries = new Deliveries({ queue: this.queue, ledger, log, tracer, ageMaxMs: config.queue.ageMax })
    await this.deliveries.use(destinationsOf(this.components))
    showProcess(this.metrics, version)
    showBooks(this.metrics, ledger, this.queue, this.deliveries)
    this.admin = await this.openAdminPort(config)
    this.factsPort = await openFactsPort(config.facts.listen, this.sockets, this.facts.tell)
    // All of them are up or not before one's failure is told: what starts late would listen after the stop.
    const starts = await Promise.allSettled(this.components.receivers.map((receiver) => this.startReceiver(receiver)))
    for (const start of starts) if (start.status === 'rejected') throw start.reason
    this.collecting = setInterval(() => this.pipeline.pushCollected().catch((error) => this.tellUnsent(error)), COLLECT_INTERVAL_MS)
    this.flushing = setInterval(() => this.pipeline.pushHeld().catch((error) => this.tellUnsent(error)), FLUSH_INTERVAL_MS)
  }

  private async openQueue(): Promise<Queue> {
    const { dir, sizeMax, memoryMax, whenFull, deadLetterMax } = this.config.queue
    const { log } = this.surroundings
    if (dir === undefined)
      log.warn(
        {},
        'the queue is in memory: what was acknowledged does not survive a crash of this process; set queue.dir to keep it on disk'
      )
    const opening = Queue.open({
      dir,
      bytesMax: dir === undefined ? memoryMax : sizeMax,
      memoryBytesMax: memoryMax,
      deadLetterBytesMax: deadLetterMax,
      whenFull,
      lanes: SIGNALS.map((signal) => ({ name: signal, priority: PRIORITIES[signal] })),
      checkpoint: (lane) => this.ledger.snapshot(lane as Signal),
      recover: (lane, checkpoint) => {
        this.ledger.restore(lane as Signal, checkpoint)
        return (record) => this.ledger.add(lane as Signal, decodeLines(record))
      },
      onEvent: (event) => this.onQueueEvent(event)
    })
    return opening.catch((error) => {
      throw new RefusedError('unavailable', `queue.dir: ${messageOf(error)}`)
    })
  }

  private onQueueEvent({ kind, lane, records, bytes, message, checkpoint }: QueueEvent): void {
    if (kind === 'evicted') this.deliveries.evicted(lane as Signal, enqueuedIn(checkpoint))
    this.metrics.counter('sluice_queue_events_total', 'What befell the queue beside its work.').add(1, { event: kind, signal: lane })
    const level = kind === 'recovered' || kind === 'torn' ? 'info' : 'warn'
    // Each dead letter is told of by the delivery that wrote it.
    if (kind !== 'dead-lettered' && this.rarely.isDue(`${kind} ${lane}`))
      this.surroundings.log[level]({ event: kind, signal: lane, records, bytes }, `queue: ${message}`)
  }

  /** Where it listens, by what is spoken there. */
  addresses(): Record<string, string[]> {
    const at = (port: FactsPort | null): string[] => (port === null ? [] : [nameOf(port.address)])
    const listening: Record<string, string[]> = { admin: at(this.admin), facts: at(this.factsPort) }
    for (const { made } of this.components.receivers)
      for (const [spoken, addresses] of Object.entries(made.addresses)) listening[spoken] = [...(listening[spoken] ?? []), ...addresses]
    return listening
  }

  /** Changes to another configuration without closing a socket or losing what is queued. Throws, and changes nothing, when it cannot. */
  async reload(config: Config): Promise<void> {
    const { log } = this.surroundings
    const before = this.components
    const after = await this.assemble(config, before)
    const starting = newOnes(after.exporters, before.exporters)
    const opening = newOnes(after.receivers, before.receivers)
    // Whatever may fail comes first. New receivers join the sockets of the old ones, which leave afterwards.
    const started: (Receiver | Exporter)[] = []
    let admin = this.admin
    try {
      for (const { made } of starting) {
        started.push(made)
        await made.start?.()
      }
      for (const receiver of opening) {
        started.push(receiver.made)
        await this.startReceiver(receiver)
      }
      if (!sameOptions(config.admin, this.config.admin)) admin = await this.openAdminPort(config)
    } catch (error) {
      await Promise.all(started.map((component) => component.stop?.()))
      throw error
    }
    this.components = after
    const leaving = newOnes(before.processors, after.processors).map(({ made }) => made)
    await this.pipeline.pushLast((processor) => leaving.includes(processor)).catch((error) => this.tellUnsent(error))
    this.keepEmail(after)
    this.pipeline.replan(planOf(after))
    await this.deliveries.use(destinationsOf(after))
    await Promise.all(newOnes(before.receivers, after.receivers).map(({ made }) => made.stop()))
    await Promise.all(newOnes(before.exporters, after.exporters).map(({ made }) => made.stop?.()))
    for (const { made } of [...newOnes(before.processors, after.processors), ...newOnes(before.folders, after.folders)]) made.stop?.()
    if (admin !== this.admin) {
      await this.admin?.close()
      this.admin = admin
    }
    if (!sameOptions(config.queue, this.config.queue)) log.warn({}, 'changes of queue.* take effect at the next start')
    if (!sameOptions(config.facts, this.config.facts)) log.warn({}, 'changes of facts.* take effect at the next start')
    this.config = config
  }

  /** Stops accepting, finishes what is inside, delivers what it can within the configured time, and closes. */
  async stop(): Promise<void> {
    const { shutdownTimeoutMs } = this.config
    const deadlineMs = Date.now() + shutdownTimeoutMs
    this.stopping = true
    clearInterval(this.collecting)
    clearInterval(this.flushing)
    const { receivers = [], exporters = [], processors = [], folders = [] } = this.components ?? NONE
    await Promise.all(receivers.map(({ made }) => made.stop()))
    if (this.deliveries !== undefined) {
      await this.pipeline.pushLast().catch((error) => this.tellUnsent(error))
      await this.deliveries.drain(this.config.queue.dir !== undefined, deadlineMs - shutdownTimeoutMs * CLOSING_SHARE)
      const left = this.deliveries.state().filter(({ held }) => held > 0)
      for (const { exporter, signal, held } of left)
        this.surroundings.log.warn(
          { exporter, signal, items: held, durable: this.config.queue.dir !== undefined },
          'not delivered before the stop'
        )
      await this.deliveries.stop()
    }
    await Promise.all(exporters.map(({ made }) => made.stop?.(Math.max(0, deadlineMs - Date.now()))))
    for (const { made } of [...processors, ...folders]) made.stop?.()
    await this.factsPort?.close()
    await this.facts?.stop()
    await this.admin?.close()
    await this.queue?.close()
  }

  private assemble(config: Config, before: Components | null): Promise<Components> {
    return assemble(config, before, (name) => this.hostOf(name))
  }

  private keepEmail(components: Components): void {
    components.redactor.made.keepEmail?.(signalsWithEmail(components))
  }

  private hostOf(name: string): Host {
    const { log, version } = this.surroundings
    const { metrics, sockets, facts } = this
    const { dir } = this.config.queue
    const stateDir = dir === undefined ? undefined : join(dir, 'state', name.replaceAll('/', '.'))
    const redactText = (value: string): string => this.components.redactor.made.text(value)
    return { name, log, metrics, sockets, facts, stateDir, redactText, version, books: () => this.ledger.samples() }
  }

  private async startReceiver({ part, made }: Running<ReceiverDefinition, Receiver>): Promise<void> {
    await made.start((batch) => {
      if (!this.hasBatches) this.surroundings.onFirstBatch?.()
      this.hasBatches = true
      return this.pipeline.push(part.name, batch)
    })
    void made.finished?.then(this.finish)
  }

  private tellUnsent(error: unknown): void {
    this.surroundings.log.error({ error: messageOf(error) }, 'what processors have made or held back was not sent')
  }

  private openAdminPort({ admin }: Config): Promise<AdminPort | null> {
    return openAdmin(admin.listen, this.sockets, {
      unreadiness: () =>
        unreadiness({
          queue: this.queue.state(),
          deliveries: this.deliveries.state(),
          redaction: this.components.redactor.made.trouble?.() ?? null,
          stopping: this.stopping
        }),
      page: (accept) => {
        this.pipeline.foldCollected()
        return this.components.folders[0]?.made.page(accept) ?? null
      }
    })
  }
}
