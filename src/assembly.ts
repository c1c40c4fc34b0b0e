import type { Signal } from './batch.ts'
import type {
  Exporter,
  ExporterDefinition,
  Folder,
  FolderDefinition,
  Host,
  Processor,
  ProcessorDefinition,
  Receiver,
  ReceiverDefinition,
  Redactor,
  RedactorDefinition
} from './component.ts'
import type { Config, Part } from './config/config.ts'
import { sameOptions } from './config/same.ts'
import type { Destination } from './deliveries.ts'
import type { Plan } from './pipeline.ts'

/** Where a record tells of a user by a place of its own. */
const EMAIL_SIGNALS: readonly Signal[] = ['errors', 'envelopes']

/** A component that runs, and what it was made of: a reload leaves it alone when that is still the same. */
export interface Running<D, T> {
  readonly part: Part<D>
  readonly made: T
}

export interface Components {
  readonly receivers: readonly Running<ReceiverDefinition, Receiver>[]
  readonly processors: readonly Running<ProcessorDefinition, Processor>[]
  readonly redactor: Running<RedactorDefinition, Redactor>
  readonly folders: readonly Running<FolderDefinition, Folder>[]
  readonly exporters: readonly Running<ExporterDefinition, Exporter>[]
}

export const NONE: Omit<Components, 'redactor'> = { receivers: [], processors: [], folders: [], exporters: [] }

/** Makes the components of a configuration, or takes over those of the one before that would be made alike. */
export async function assemble(config: Config, before: Components | null, hostOf: (name: string) => Host): Promise<Components> {
  const { receivers, processors, folders, exporters } = before ?? NONE
  const redactors = before === null ? [] : [before.redactor]
  const wanted = wantedProcessors(config)
  const parts = [...config.receivers, ...wanted, config.redactor, ...config.folders, ...config.exporters]
  await Promise.all(parts.map(({ definition }) => definition.prepare?.()))
  return {
    receivers: config.receivers.map((part) => take(part, receivers, hostOf)),
    processors: wanted.map((part) => take(part, processors, hostOf)),
    redactor: take(config.redactor, redactors, hostOf),
    folders: config.folders.map((part) => take(part, folders, hostOf)),
    exporters: config.exporters.map((part) => take(part, exporters, hostOf))
  }
}

function take<D extends { create(options: never, host: Host): T }, T>(
  part: Part<D>,
  before: readonly Running<D, T>[],
  hostOf: (name: string) => Host
): Running<D, T> {
  const same = before.find(
    (other) => other.part.name === part.name && other.part.definition === part.definition && sameOptions(other.part.options, part.options)
  )
  return same ?? { part, made: part.definition.create(part.options as never, hostOf(part.name)) }
}

/** The signals in which a user's e-mail address is wanted, and safe with everyone who takes them. */
export function signalsWithEmail({ exporters }: Components): Set<Signal> {
  return new Set(
    EMAIL_SIGNALS.filter((signal) => {
      const takers = exporters.map(({ part }) => part).filter(({ definition, options }) => definition.signals(options).includes(signal))
      return (
        takers.every(({ definition }) => definition.sendsEmail !== undefined) &&
        takers.some(({ definition, options }) => definition.sendsEmail!(options))
      )
    })
  )
}

/** The running components of `some` that are not among `others`. */
export function newOnes<D, T>(some: readonly Running<D, T>[], others: readonly Running<D, T>[]): readonly Running<D, T>[] {
  return some.filter(({ made }) => !others.some((other) => other.made === made))
}

/** The processors of a configuration but for those that work for exporters which are not there. */
function wantedProcessors({ processors, exporters }: Config): Config['processors'] {
  const queued = new Set(exporters.flatMap(({ definition, options }) => definition.signals(options)))
  return processors.filter(({ definition: { spawns } }) => spawns === undefined || queued.has(spawns))
}

export function planOf({ processors, redactor, folders, exporters }: Components): Plan {
  const queued = new Set(exporters.flatMap(({ part }) => part.definition.signals(part.options)))
  return {
    steps: processors.map(({ part, made }) => ({ name: part.name, outcome: part.definition.outcome, processor: made })),
    redactor: redactor.made,
    folders: folders.map(({ part, made }) => ({ signals: part.definition.signals, folder: made })),
    queued
  }
}

export function destinationsOf({ exporters }: Components): Destination[] {
  return exporters.map(({ part, made }) => ({
    name: part.name,
    exporter: made,
    signals: part.definition.signals(part.options),
    batchBytesMax: part.definition.batchBytesMax(part.options)
  }))
}
