import type { z } from 'zod'
import type { ExporterDefinition, FolderDefinition, ProcessorDefinition, ReceiverDefinition, RedactorDefinition } from '../component.ts'
import type { sections } from './sections.ts'

/** All components that exist; processors in the order in which telemetry passes them. */
export interface Definitions {
  readonly receivers: readonly ReceiverDefinition[]
  readonly processors: readonly ProcessorDefinition[]
  readonly redactor: RedactorDefinition
  readonly exporters: readonly ExporterDefinition[]
  readonly folders: readonly FolderDefinition[]
}

/** A component as it is to run. */
export interface Part<D> {
  /** Its key in the file: the type, or `type/name` where there are several. */
  readonly name: string
  readonly definition: D
  // Parsed by this very definition, whose type no list of definitions can keep.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  readonly options: any
}

type Sections = { readonly [K in keyof typeof sections]: z.output<(typeof sections)[K]> }

/** A whole configuration, checked, with a value for every option. */
export interface Config {
  readonly receivers: readonly Part<ReceiverDefinition>[]
  /** In the order in which telemetry passes them. */
  readonly processors: readonly Part<ProcessorDefinition>[]
  readonly redactor: Part<RedactorDefinition>
  readonly folders: readonly Part<FolderDefinition>[]
  readonly exporters: readonly Part<ExporterDefinition>[]
  readonly facts: Sections['facts']
  readonly queue: Sections['queue']
  readonly admin: Sections['admin']
  readonly telemetry: Sections['telemetry']
  readonly shutdownTimeoutMs: number
}
