import { safeText } from '../config/mask.ts'
import { nearest } from '../config/nearest.ts'
import { parseRatio, parseSize } from '../config/units.ts'
import { isOfRepository, withVersion } from './image.ts'
import { objectOf } from './json.ts'
import type { SidecarSettings } from './settings.ts'
import { CPU, isContainerName, isCpu, isMemory, isObjectName, MEMORY } from './values.ts'

/** In front of the name of each label and annotation of ours. */
export const PREFIX = 'sluice.dev/'
/** Asks for injection, or forbids it: a label or an annotation of a pod, or a label of a namespace. */
export const INJECT = `${PREFIX}inject`
/** The label of pods that have a sidecar, for those who select them. */
export const INJECTED = `${PREFIX}injected`

/** What one pod may choose. */
export interface PodOptions {
  profile?: string
  sampleTraces?: string
  secret?: string
  secretOptional?: boolean
  gpu?: SidecarSettings['gpu']
  image?: string
  version?: string
  logDirectories?: readonly string[]
  cpu?: string
  memory?: string
  queueSize?: number
  sentry?: boolean
  datadog?: boolean
  envFrom?: 'respect' | 'ignore'
  containers?: readonly string[]
}

/** An option that a pod chooses by an annotation, and a command line by a flag of the same name. */
export interface PodOption<K extends keyof PodOptions = keyof PodOptions> {
  /** Behind the prefix. */
  readonly name: string
  readonly key: K
  readonly doc: string
  readonly example: string
  expected(settings: SidecarSettings): string
  /** Undefined: not what is expected. */
  read(text: string, settings: SidecarSettings): PodOptions[K] | undefined
}

const option = <K extends keyof PodOptions>(each: PodOption<K>): PodOption => each as unknown as PodOption

const flagOf = (text: string): boolean | undefined => (text === 'true' ? true : text === 'false' ? false : undefined)
const listOfTexts = (text: string, isItem: (item: string) => boolean, max: number): string[] | undefined => {
  const items = text.split(',').map((item) => item.trim())
  return items.length <= max && items.every(isItem) ? items : undefined
}

const DIRECTORY = /^(\/(?!\.{1,2}(\/|$))[^/:,\0]+)+\/?$/
// A volume in one of these places would hide what the container needs to run.
const SYSTEM = /^\/((bin|boot|etc|lib|lib32|lib64|libx32|opt|root|run|sbin|srv|tmp|usr|var|home|mnt|media)\/?$|(dev|proc|sys)(\/|$))/
const LISTED_MAX = 32
const UNKNOWN_TOLD_MAX = 20

const isDirectory = (path: string): boolean => DIRECTORY.test(path) && !SYSTEM.test(path)
const unique = <T>(items: readonly T[] | undefined): readonly T[] | undefined => (items === undefined ? undefined : [...new Set(items)])

/** All options of a pod: the one table behind annotations, flags and documentation. */
export const POD_OPTIONS: readonly PodOption[] = [
  option({
    name: 'profile',
    key: 'profile',
    doc: 'A set of options that the injector’s file has under this name.',
    example: 'batch',
    expected: ({ profiles }) => {
      const names = Object.keys(profiles)
      return names.length === 0 ? 'no profile, as the injector has none' : `one of ${names.join(', ')}`
    },
    read: (text, { profiles }) => (Object.hasOwn(profiles, text) ? text : undefined)
  }),
  option({
    name: 'sample-traces',
    key: 'sampleTraces',
    doc: 'The share of traces to keep.',
    example: '25%',
    expected: () => 'a share from 0% to 100%',
    read: (text) => (parseRatio(text) instanceof Error ? undefined : text)
  }),
  option({
    name: 'secret',
    key: 'secret',
    doc: 'The Secret in the pod’s namespace whose keys become variables of the sidecar: SENTRY_DSN, DD_API_KEY, OTEL_EXPORTER_OTLP_ENDPOINT and so on.',
    example: 'dubbing-telemetry',
    expected: () => 'the name of a Secret',
    read: (text) => (isObjectName(text) ? text : undefined)
  }),
  option({
    name: 'secret-optional',
    key: 'secretOptional',
    doc: 'Whether the pod starts without that Secret.',
    example: 'false',
    expected: () => 'true or false',
    read: flagOf
  }),
  option({
    name: 'gpu',
    key: 'gpu',
    doc: 'Where the sidecar has GPU facts from. nvidia-smi shows it all GPUs of the node, where the NVIDIA runtime is the pod’s.',
    example: 'off',
    expected: () => 'node, nvidia-smi or off',
    read: (text) => (text === 'node' || text === 'nvidia-smi' || text === 'off' ? text : undefined)
  }),
  option({
    name: 'image',
    key: 'image',
    doc: 'The image of the sidecar, of the repository that the injector is set to.',
    example: 'ghcr.io/sluice-telemetry/sluice:0.2.0',
    expected: ({ image }) => `an image like ${image}, with another tag or digest`,
    read: (text, { image }) => (isOfRepository(text, image) ? text : undefined)
  }),
  option({
    name: 'version',
    key: 'version',
    doc: 'The same by its tag or digest alone.',
    example: '0.2.0',
    expected: () => 'a tag, or a digest as sha256:…',
    read: (text, { image }) => (withVersion(image, text) === undefined ? undefined : text)
  }),
  option({
    name: 'log-directories',
    key: 'logDirectories',
    doc: 'Directories of the workers whose log files the sidecar reads, with commas between. Where nothing is mounted there, a shared volume is.',
    example: '/var/log/worker',
    expected: () => `up to ${LISTED_MAX} absolute paths with commas between, none of the system’s own`,
    read: (text) => unique(listOfTexts(text, isDirectory, LISTED_MAX)?.map((path) => path.replace(/\/$/, '')))
  }),
  option({
    name: 'cpu',
    key: 'cpu',
    doc: 'CPU of the sidecar, as request and limit.',
    example: '500m',
    expected: () => CPU,
    read: (text) => (isCpu(text) ? text : undefined)
  }),
  option({
    name: 'memory',
    key: 'memory',
    doc: 'Memory of the sidecar, as request and limit.',
    example: '512Mi',
    expected: () => MEMORY,
    read: (text) => (isMemory(text) ? text : undefined)
  }),
  option({
    name: 'queue-size',
    key: 'queueSize',
    doc: 'What may wait in the pod to be delivered.',
    example: '1GiB',
    expected: () => 'a size of at least 1MiB, as 256MiB',
    read: (text) => {
      const bytes = parseSize(text)
      return bytes instanceof Error || bytes < 1024 * 1024 ? undefined : bytes
    }
  }),
  option({
    name: 'sentry',
    key: 'sentry',
    doc: 'Whether SENTRY_DSN of the workers points at the sidecar.',
    example: 'true',
    expected: () => 'true or false',
    read: flagOf
  }),
  option({
    name: 'datadog',
    key: 'datadog',
    doc: 'Whether DD_AGENT_HOST and the like of the workers point at the sidecar.',
    example: 'false',
    expected: () => 'true or false',
    read: flagOf
  }),
  option({
    name: 'env-from',
    key: 'envFrom',
    doc: 'What to do in containers whose envFrom may hold the very variables: add none (respect), or add ours, which then win (ignore).',
    example: 'ignore',
    expected: () => 'respect or ignore',
    read: (text) => (text === 'respect' || text === 'ignore' ? text : undefined)
  }),
  option({
    name: 'containers',
    key: 'containers',
    doc: 'The containers that get variables and log volumes, with commas between; all of them without it.',
    example: 'worker,uploader',
    expected: () => 'names of containers with commas between',
    read: (text) => unique(listOfTexts(text, isContainerName, 256))
  })
]

/** Reads what annotations say, over what `defaults` say. What cannot be used is left out, and a warning names it. */
export function readPodOptions(
  annotations: Readonly<Record<string, unknown>>,
  defaults: Readonly<Record<string, string>>,
  settings: SidecarSettings,
  warnings: string[]
): PodOptions {
  const options: Record<string, unknown> = {}
  for (const each of POD_OPTIONS) {
    const annotated = Object.hasOwn(annotations, PREFIX + each.name)
    const text = annotated ? annotations[PREFIX + each.name] : defaults[each.name]
    if (text === undefined) continue
    const value = typeof text === 'string' ? each.read(text.trim(), settings) : undefined
    if (value !== undefined) options[each.key] = value
    else warnings.push(notApplied(annotated ? PREFIX + each.name : `--${each.name}`, text, each.expected(settings)))
  }
  const { image, version } = options as PodOptions
  if (image !== undefined && version !== undefined && withVersion(settings.image, version) !== image) {
    delete options.image
    delete options.version
    warnings.push(notApplied(`${PREFIX}image and ${PREFIX}version`, `${image} and ${version}`, 'one of them, or both the same'))
  }
  warnings.push(...unknownNames(annotations))
  return options as PodOptions
}

/** Does the pod ask for injection? Undefined: it does not say. */
export function askedByPod(metadata: Readonly<Record<string, unknown>>, warnings: string[]): boolean | undefined {
  const said: boolean[] = []
  for (const [kind, values] of [
    ['label', objectOf(metadata.labels)],
    ['annotation', objectOf(metadata.annotations)]
  ] as const) {
    if (!Object.hasOwn(values, INJECT)) continue
    const wish = flagOf(String(values[INJECT]))
    if (wish === undefined) warnings.push(notApplied(`${kind} ${INJECT}`, values[INJECT], 'true or false'))
    // Who says something that nobody understands is not taken for a yes.
    said.push(wish ?? false)
  }
  if (said.includes(true) && said.includes(false))
    warnings.push(`label and annotation ${INJECT} differ, expected one of them: nothing is injected`)
  return said.length === 0 ? undefined : !said.includes(false)
}

function unknownNames(annotations: Readonly<Record<string, unknown>>): string[] {
  const names = POD_OPTIONS.map(({ name }) => name)
  const unknown = Object.keys(annotations).filter(
    (key) => key.startsWith(PREFIX) && key !== INJECT && key !== INJECTED && !names.includes(key.slice(PREFIX.length))
  )
  const more = unknown.length - UNKNOWN_TOLD_MAX
  return unknown
    .slice(0, UNKNOWN_TOLD_MAX)
    .map((key) => {
      const near = nearest(key.slice(PREFIX.length), [...names, 'inject'])
      return `annotation ${PREFIX}${safeName(key.slice(PREFIX.length))} is not known${near === undefined ? '' : `; did you mean ${PREFIX}${near}?`}`
    })
    .concat(more > 0 ? [`${more} more annotations ${PREFIX}… are not known`] : [])
}

const safeName = (name: string): string => (/^[\w.-]{1,63}$/.test(name) ? name : safeText(name))

function notApplied(name: string, came: unknown, expected: string): string {
  return `${name}: came ${safeText(String(came))}, expected ${expected}; not applied`
}
