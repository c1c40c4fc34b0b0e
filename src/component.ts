import type { z } from 'zod'
import type { Batch, RedactedBatch, Signal } from './batch.ts'
import type { Facts } from './facts/facts.ts'
import type { Sockets } from './net/sockets.ts'
import type { Metrics, Sample } from './telemetry/metrics.ts'

/**
 * Takes a batch in. Resolves when it is durable, or fully consumed; throws RefusedError when it is not, and then nothing of it was kept. Once it
 * has settled, the bytes are the receiver's again, who may free them: whoever keeps a part keeps a copy.
 */
export type Push = (batch: Batch) => Promise<void>

/** Where telemetry comes in. `start` resolves when the sockets accept; `stop` when no request is left inside. */
export interface Receiver {
  start(push: Push): Promise<void>
  /** Where it listens, as bound, by what is spoken there; for the log. Complete when `start` has resolved. */
  readonly addresses: Readonly<Record<string, readonly string[]>>
  /** Of one whose source ends, as a pipe does: resolves when all of it is durable. The gateway then stops. */
  readonly finished?: Promise<void> | undefined
  stop(): Promise<void>
}

/** Changes or drops what passes, at once and from memory. */
export interface Processor {
  /** Returns what is left of the batch, the same batch when nothing changed, or null when nothing is left. */
  process(batch: Batch): Batch | null
  /** Is shown what was left of the same batch after all processors, before it is queued. Must not keep the bytes. */
  kept?(batch: Batch): void
  /**
   * What the batch that it has just processed gave rise to beside itself, as one batch of another signal or null. It goes on from the processor's
   * place in the list, and the sender is answered only when both are durable.
   */
  spawn?(): Batch | null
  /**
   * Telemetry of the processor's own making, as one cumulative batch; it goes on from the processor's place in the list. `isLast`: the gateway stops,
   * and nothing comes any more.
   */
  collect?(isLast?: boolean): Batch | null
  /**
   * Telemetry of its own making that is given once: what it held back and finds due, or has to say of what it took out. Asked for every second, and
   * each time until it gives null. `isLast` as for `collect`: then all is due.
   */
  flush?(isLast?: boolean): Batch | null
  stop?(): void
}

/** The processor that all must pass last; only it makes batches that may leave. */
export interface Redactor {
  process(batch: Batch): RedactedBatch | null
  /**
   * The same rules for a text outside of a batch: label values, names. `place` says by which policy: a signal, and behind a slash the attribute
   * whose value it is, as `errors/user.email`; the attribute's name counts as a key.
   */
  text(value: string, place?: string): string
  /** From now on `user.email` of errors and of events of Sentry SDKs passes in batches of these signals, and of no others. */
  keepEmail?(signals: ReadonlySet<Signal>): void
  /** Why nothing passes; null while all is well. */
  trouble?(): string | null
}

/** What a destination did with a batch that it took: items it refused for good, and why. */
export interface Outcome {
  readonly rejected: number
  readonly reason: string
  /** Parts that did not arrive for other reasons; they count beside `rejected`. */
  readonly dropped?: readonly Dropped[]
}

/** A part of a batch that an exporter gave up while the rest of it arrived. */
export interface Dropped {
  /** As it is counted: a word from the code. */
  readonly reason: string
  readonly message: string
  readonly items: number
  /** The part itself, where it is to be kept as a dead letter. */
  readonly batch?: RedactedBatch | undefined
}

/** A destination outside of this process. Batches reach it from the queue, one at a time per signal, and again after a retryable failure. */
export interface Exporter {
  /** Throws RefusedError: retryable, when, or not at all. `too-large` makes the delivery halve the batch. Gives up when `signal` aborts. */
  send(batch: RedactedBatch, signal: AbortSignal): Promise<Outcome | undefined>
  /** Of one that remembers which parts of a batch arrived: that batch will not be sent again, for this reason; what became of it? */
  abandon?(batch: RedactedBatch, reason: string): Outcome
  /** Since when a part of what is sent does not arrive, and why, though `send` went well; null while all is well. */
  trouble?(): { readonly sinceMs: number; readonly message: string } | null
  start?(): Promise<void>
  /** `withinMs` is left for a last word to the destination; without, there is no hurry. */
  stop?(withinMs?: number): Promise<void>
}

/** A destination in memory: takes its batches before the queue, and shows what they amount to on the admin port. */
export interface Folder {
  fold(batch: RedactedBatch): void
  /** Answers a scrape; `accept` is the request's Accept header. */
  page(accept: string): { readonly contentType: string; readonly body: string }
  stop?(): void
}

/** pino's shape: fields first, then the message. Never a payload or a secret among the fields. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** What the gateway lends to a component. */
export interface Host {
  /** The component's key in the configuration: its type, or `type/name` where there are several. */
  readonly name: string
  readonly log: Log
  readonly metrics: Metrics
  readonly sockets: Sockets
  /** What is known of GPUs and pods; keeps itself fresh, and is the same for all components. */
  readonly facts: Facts
  /**
   * Where the component may keep what must survive a restart, beside the queue: a directory of its own, to be created when it is first used.
   * Undefined where the queue is in memory.
   */
  readonly stateDir: string | undefined
  /** Redacts a text that leaves by another way than a batch. */
  readonly redactText: (value: string) => string
  /** The gateway's own, for those that give their name to others. */
  readonly version: string
  /** What became of every item up to the queue, by signal, stage, component, outcome and reason. */
  readonly books: () => readonly Sample[]
}

type Shape = z.core.$ZodLooseShape
type Options<S extends Shape> = z.output<z.ZodObject<S, z.core.$strict>>

interface Definition<S extends Shape, Made> {
  /** The key in the configuration, and the file's name. */
  readonly type: string
  readonly summary: string
  readonly options: S
  /** Loads what `create` needs; awaited before it. Of a component that many gateways do not run, so that it costs those nothing. */
  readonly prepare?: () => Promise<void>
  create(options: Options<S>, host: Host): Made
}

export interface ReceiverDefinition<S extends Shape = Shape> extends Definition<S, Receiver> {
  readonly kind: 'receiver'
  /** False where it is to run only when the file names it. */
  readonly onByDefault?: boolean
  /** Has an HTTP port that serves what other components lend to `host.sockets.guests`. */
  takesGuests?(options: Options<S>): boolean
  /** The option by which it lends routes, and so needs such a port; null where it does not. */
  guestBy?(options: Options<S>): string | null
}
export interface ProcessorDefinition<S extends Shape = Shape> extends Definition<S, Processor> {
  readonly kind: 'processor'
  /** How items that it takes out are counted. */
  readonly outcome: 'sampled_out' | 'dropped'
  /** The signal of what it spawns, where that is all that it is for: it does not run while no exporter takes that signal. */
  readonly spawns?: Signal
}
export interface RedactorDefinition<S extends Shape = Shape> extends Definition<S, Redactor> {
  readonly kind: 'redactor'
  /** Names in the options that mean something which exists elsewhere. */
  named?(options: Options<S>): readonly Named[]
}
/** A name in an option, where it stands, and what it may mean. */
export interface Named {
  readonly steps: readonly (string | number)[]
  readonly name: string
  readonly known: readonly string[]
  readonly what: string
  /** False where it may also be another word. */
  readonly isOnly: boolean
}
export interface ExporterDefinition<S extends Shape = Shape> extends Definition<S, Exporter> {
  readonly kind: 'exporter'
  signals(options: Options<S>): readonly Signal[]
  /** Neighbours in the queue are merged up to this many bytes. */
  batchBytesMax(options: Options<S>): number
  /**
   * Of one that knows where a user's e-mail address stands, and shows it there alone or not at all: whether it does. Redaction leaves it in the
   * signals that no other exporters take.
   */
  sendsEmail?(options: Options<S>): boolean
}
export interface FolderDefinition<S extends Shape = Shape> extends Definition<S, Folder> {
  readonly kind: 'folder'
  readonly signals: readonly Signal[]
}

/**
 * A module that a definition leaves unloaded until a component of it is to run: what is given imports it, `prepare` is `load`, and `create` takes
 * what it needs from `loaded`.
 */
export function later<M>(load: () => Promise<M>): { readonly load: () => Promise<void>; readonly loaded: M } {
  let loaded: M | undefined
  return {
    load: async () => {
      loaded ??= await load()
    },
    get loaded() {
      if (loaded === undefined) throw new Error('a component was created before it was prepared')
      return loaded
    }
  }
}

export const defineReceiver = <S extends Shape>(definition: Omit<ReceiverDefinition<S>, 'kind'>): ReceiverDefinition<S> => ({
  kind: 'receiver',
  ...definition
})
export const defineProcessor = <S extends Shape>(definition: Omit<ProcessorDefinition<S>, 'kind'>): ProcessorDefinition<S> => ({
  kind: 'processor',
  ...definition
})
export const defineRedactor = <S extends Shape>(definition: Omit<RedactorDefinition<S>, 'kind'>): RedactorDefinition<S> => ({
  kind: 'redactor',
  ...definition
})
export const defineExporter = <S extends Shape>(definition: Omit<ExporterDefinition<S>, 'kind'>): ExporterDefinition<S> => ({
  kind: 'exporter',
  ...definition
})
export const defineFolder = <S extends Shape>(definition: Omit<FolderDefinition<S>, 'kind'>): FolderDefinition<S> => ({
  kind: 'folder',
  ...definition
})
