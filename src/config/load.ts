import type { ExporterDefinition, FolderDefinition, ProcessorDefinition, RedactorDefinition } from '../component.ts'
import { type AnyDefinition, type ReadPart, type ReadSection, readComponents } from './component-section.ts'
import type { Config, Definitions, Part } from './config.ts'
import { askedNowhere, fedBack, type Listening, listenedTwice } from './conflicts.ts'
import { addEnvironment, addFlag, type Flag } from './env.ts'
import type { Env } from './expand.ts'
import { readFileTree } from './file.ts'
import { kindOf } from './kinds.ts'
import { unknownNames } from './names.ts'
import { readOptions } from './options.ts'
import { ConfigError, DEFAULT, type Problem, problemText } from './problem.ts'
import type { Shape } from './schema.ts'
import { sections } from './sections.ts'
import { type Setting, settingsOf } from './settings.ts'
import type { Entry, Mapping } from './tree.ts'
import { Vocabulary } from './vocabulary.ts'

export interface Loaded {
  readonly config: Config
  /** The file that was read. */
  readonly file: string | undefined
  /** Every option with its value and where that came from, along the data path; secrets are masked. */
  readonly settings: readonly Setting[]
  readonly warnings: readonly string[]
}

export interface Sources {
  /** Undefined: the file that SLUICE_CONFIG names, or none. */
  readonly file?: string | undefined
  readonly env: Env
  readonly definitions: Definitions
  /** What the command line says; it wins over the file. */
  readonly flags?: readonly Flag[]
}

/** The keys at the top of a file, along the data path. */
export const TOP_LEVEL = ['receivers', 'facts', 'processors', 'queue', 'exporters', 'admin', 'telemetry', 'shutdownTimeout'] as const

/**
 * Makes the configuration out of a file, the environment and the defaults; the file wins over the environment. Throws ConfigError with
 * everything that is wrong at once.
 */
export async function loadConfig({ file: named, env, definitions, flags = [] }: Sources): Promise<Loaded> {
  const file = named ?? (env.SLUICE_CONFIG || undefined)
  const problems: Problem[] = []
  const warnings: string[] = []
  const root: Mapping =
    file === undefined ? { type: 'mapping', place: DEFAULT, entries: new Map() } : await readFileTree(file, env, problems)
  const components = componentsOf(definitions)
  const vocabulary = vocabularyOf(components)
  addEnvironment(root, env, (path) => hasOption(path, components), warnings, problems)
  for (const flag of flags) addFlag(root, flag, problems)

  const read = <D extends AnyDefinition>(section: string, known: readonly D[]): ReadSection<D> =>
    readComponents(section, known, root.entries.get(section)?.value, vocabulary, problems)
  const receivers = read('receivers', components.receivers)
  const processors = read('processors', components.processors)
  const exporters = read('exporters', components.exporters)
  const commonTree = commonOf(root, vocabulary, problems)
  const common = readOptions(sections, commonTree, '', vocabulary, problems) as CommonOptions | undefined

  if (common !== undefined) {
    const own: Listening = { path: '', shape: sections, tree: commonTree, options: common }
    const receiving = receivers.parts.map((part) => listeningOf('receivers', part))
    problems.push(...listenedTwice([...receiving, ...exporters.parts.map((part) => listeningOf('exporters', part)), own]))
    problems.push(...fedBack([own], receiving), ...askedNowhere(common.facts, commonTree))
    // The variables that point a worker at the gateway are often set where the gateway starts, too; they are not meant for it.
    for (const part of [...exporters.parts]) {
      const [loop] = fedBack([listeningOf('exporters', part)], receiving)
      if (loop === undefined) continue
      if (!('variable' in loop.place)) problems.push(loop)
      else {
        exporters.parts.splice(exporters.parts.indexOf(part), 1)
        warnings.push(`${loop.place.variable} leads to ${loop.came}: exporters.${part.name} stays off`)
      }
    }
  }
  for (const { name, definition, options, tree } of processors.parts.filter(isRedactor)) {
    const unknown = unknownNames(`processors.${name}`, tree, definition.named?.(options as never) ?? [])
    problems.push(...unknown.problems)
    warnings.push(...unknown.warnings)
  }
  if (common === undefined || problems.length > 0) throw new ConfigError(distinct(problems))

  const { shutdownTimeout, ...rest } = common
  const config: Config = {
    receivers: receivers.parts.map(plain),
    processors: processors.parts.filter(isProcessor).map(plain),
    redactor: processors.parts.filter(isRedactor).map(plain)[0],
    folders: exporters.parts.filter(isFolder).map(plain),
    exporters: exporters.parts.filter(isExporter).map(plain),
    ...rest,
    shutdownTimeoutMs: shutdownTimeout
  }
  warnings.push(...withoutPort(config.receivers))
  if (config.exporters.length === 0) warnings.push(NOTHING_LEAVES)
  const settings = TOP_LEVEL.flatMap((key) => {
    const section = { receivers, processors, exporters }[key as string]
    return section === undefined
      ? settingsOf({ [key]: sections[key as keyof typeof sections] }, commonTree, [])
      : partSettings(key, section)
  })
  return { config, file, settings, warnings }
}

// What is served on the HTTP ports of others, where there are none.
function withoutPort(receivers: Config['receivers']): string[] {
  if (receivers.some(({ definition, options }) => definition.takesGuests?.(options as never))) return []
  return receivers.flatMap(({ name, definition, options }) => {
    const option = definition.guestBy?.(options as never) ?? null
    return option === null
      ? []
      : [`receivers.${name}.${option} is served on the ports of receivers.otlp.http, and none is open: nothing comes in that way`]
  })
}

const NOTHING_LEAVES =
  'no exporter is on: telemetry is measured, shown on /metrics and dropped; name one under exporters, or set OTEL_EXPORTER_OTLP_ENDPOINT'

type CommonOptions = Omit<Config, 'receivers' | 'processors' | 'redactor' | 'folders' | 'exporters' | 'shutdownTimeoutMs'> & {
  shutdownTimeout: number
}

function listeningOf(section: string, { name, definition, options, tree }: ReadPart<AnyDefinition>): Listening {
  return { path: `${section}.${name}`, shape: definition.options, tree, options }
}

const plain = <D>({ name, definition, options }: ReadPart<D>): Part<D> => ({ name, definition, options })
const isProcessor = (part: ReadPart<AnyDefinition>): part is ReadPart<ProcessorDefinition> => part.definition.kind === 'processor'
const isRedactor = (part: ReadPart<AnyDefinition>): part is ReadPart<RedactorDefinition> => part.definition.kind === 'redactor'
const isFolder = (part: ReadPart<AnyDefinition>): part is ReadPart<FolderDefinition> => part.definition.kind === 'folder'
const isExporter = (part: ReadPart<AnyDefinition>): part is ReadPart<ExporterDefinition> => part.definition.kind === 'exporter'

/** The components that may stand in each section, in the order in which they are shown. */
export function componentsOf({ receivers, processors, redactor, folders, exporters }: Definitions) {
  return { receivers, processors: [...processors, redactor], exporters: [...folders, ...exporters] }
}

type Components = Readonly<Record<string, readonly AnyDefinition[]>>

function vocabularyOf(components: Components): Vocabulary {
  const vocabulary = new Vocabulary()
  for (const [section, definitions] of Object.entries(components)) {
    vocabulary.learn('', section)
    for (const { type, options } of definitions) vocabulary.learn(section, type, options)
  }
  for (const [key, type] of Object.entries(sections)) vocabulary.learn('', key, kindOf(type).shape)
  return vocabulary
}

// Is there an option with this path, as `exporters.otlp.tls.caFile`?
function hasOption(path: string, components: Components): boolean {
  const steps = path.split('.')
  const definition = components[steps[0]]?.find(({ type }) => type === steps[1])
  let shape: Shape | undefined = definition === undefined ? sections : definition.options
  for (const step of definition === undefined ? steps : steps.slice(2)) {
    if (shape === undefined || !Object.hasOwn(shape, step)) return false
    shape = kindOf(shape[step]).shape
  }
  return true
}

// The part of the file that is not about components.
function commonOf(root: Mapping, vocabulary: Vocabulary, problems: Problem[]): Mapping {
  const entries = new Map<string, Entry>()
  for (const [key, entry] of root.entries) {
    if (Object.hasOwn(sections, key)) entries.set(key, entry)
    else if (!TOP_LEVEL.some((known) => known === key)) problems.push(vocabulary.unknownKey(key, TOP_LEVEL, '', entry.place))
  }
  return { ...root, entries }
}

function partSettings(section: string, { parts, off }: ReadSection<AnyDefinition>): Setting[] {
  const on = parts.flatMap(({ name, definition, tree }): Setting[] => {
    const settings = settingsOf(definition.options, tree, [section, name])
    return settings.length > 0 ? settings : [{ steps: [section, name], value: 'on', origin: tree.place, variables: [] }]
  })
  return [...on, ...off.map(({ name, place }) => ({ steps: [section, name], value: 'off', origin: place, variables: [] }))]
}

// What stands behind an anchor is read once for each alias.
function distinct(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.map((problem) => [problemText(problem), problem])).values()]
}
