import type { Env } from './expand.ts'
import { nearest } from './nearest.ts'
import type { Problem } from './problem.ts'
import { type Entry, isOff, isOn, type Mapping, type Tree, textFrom } from './tree.ts'

interface Variable {
  readonly variable: string
  /** The option that it sets when the file does not. */
  readonly path: string
  /** Setting this variable switches the option's component on. */
  readonly switches?: true
  /** Belongs to one destination with this variable: a file that names another destination does not get it, least of all its credentials. */
  readonly goesWith?: string
  readonly read?: (variable: string, value: string, problems: Problem[]) => Tree
}

const OTLP = { goesWith: 'OTEL_EXPORTER_OTLP_ENDPOINT' }

/** The environment variables that set options, besides those that a file names as `${NAME}`. What the file says wins. */
export const VARIABLES: readonly Variable[] = [
  { variable: 'SLUICE_LOG_LEVEL', path: 'telemetry.log.level' },
  { variable: 'SLUICE_QUEUE_DIR', path: 'queue.dir' },
  { variable: 'SLUICE_NODE', path: 'facts.gpu.node', read: hostAndPort },
  { variable: 'OTEL_EXPORTER_OTLP_ENDPOINT', path: 'exporters.otlp.endpoint', switches: true, ...OTLP },
  { variable: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', path: 'exporters.otlp.tracesEndpoint', ...OTLP },
  { variable: 'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT', path: 'exporters.otlp.metricsEndpoint', ...OTLP },
  { variable: 'OTEL_EXPORTER_OTLP_LOGS_ENDPOINT', path: 'exporters.otlp.logsEndpoint', ...OTLP },
  { variable: 'OTEL_EXPORTER_OTLP_HEADERS', path: 'exporters.otlp.headers', read: headers, ...OTLP },
  { variable: 'OTEL_EXPORTER_OTLP_COMPRESSION', path: 'exporters.otlp.compression', ...OTLP },
  { variable: 'OTEL_EXPORTER_OTLP_TIMEOUT', path: 'exporters.otlp.timeout', read: milliseconds, ...OTLP },
  { variable: 'OTEL_EXPORTER_OTLP_CERTIFICATE', path: 'exporters.otlp.tls.caFile', ...OTLP },
  { variable: 'OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE', path: 'exporters.otlp.tls.certFile', ...OTLP },
  { variable: 'OTEL_EXPORTER_OTLP_CLIENT_KEY', path: 'exporters.otlp.tls.keyFile', ...OTLP },
  { variable: 'SENTRY_DSN', path: 'exporters.sentry.dsn', switches: true },
  { variable: 'DD_API_KEY', path: 'exporters.datadog.apiKey', switches: true },
  { variable: 'DD_SITE', path: 'exporters.datadog.site' }
]

/**
 * Adds to a file's tree what the environment says and the file does not. `known` tells whether an option exists. Variables of a component that
 * is not switched on are left alone, with a warning when they cannot have been meant for anybody else.
 */
export function addEnvironment(root: Mapping, env: Env, known: (path: string) => boolean, warnings: string[], problems: Problem[]): void {
  // Decided by the file alone, before anything is added.
  const inFile = new Set(VARIABLES.filter(({ path }) => treeAt(root, path.split('.')) !== undefined).map(({ variable }) => variable))
  for (const { variable, path, switches, goesWith, read = textFrom } of VARIABLES) {
    const value = env[variable]
    if (value === undefined || value === '' || !known(path) || inFile.has(variable)) continue
    if (goesWith !== undefined && inFile.has(goesWith)) continue
    const steps = path.split('.')
    const component = steps[0] === 'exporters' ? treeAt(root, steps.slice(0, 2)) : undefined
    if (component !== undefined && isOff(component)) continue
    if (steps[0] === 'exporters' && component === undefined && switches === undefined) {
      if (goesWith !== undefined)
        warnings.push(`${variable} is set, but ${goesWith} is not: there is no ${steps.slice(0, 2).join('.')} to use it`)
      continue
    }
    insert(root, steps, read(variable, value, problems))
  }
  warnings.push(...protocolWarning(root, env), ...misspelt(env))
}

/** An option of the command line that stands for one of the file. */
export interface Flag {
  readonly flag: string
  readonly path: string
  readonly value: string
}

/** Puts what a flag says in place of what the file says. */
export function addFlag(root: Mapping, { flag, path, value }: Flag, problems: Problem[]): void {
  const steps = path.split('.')
  const component = treeAt(root, steps.slice(0, 2))
  if (component === undefined || !isOff(component)) insert(root, steps, textFrom(flag, value))
  else {
    const remedy = `remove the line, or leave out ${flag}`
    problems.push({ place: component.place, path: steps.slice(0, 2).join('.'), came: 'off', expected: `on, as ${flag} needs it`, remedy })
  }
}

function protocolWarning(root: Mapping, env: Env): string[] {
  const protocol = env.OTEL_EXPORTER_OTLP_PROTOCOL
  const endpoint = treeAt(root, ['exporters', 'otlp', 'endpoint'])
  if (protocol !== 'grpc' || endpoint === undefined || !('variable' in endpoint.place)) return []
  return [
    'OTEL_EXPORTER_OTLP_PROTOCOL is grpc; exporters.otlp speaks http/protobuf, usually on port 4318: check OTEL_EXPORTER_OTLP_ENDPOINT'
  ]
}

const OWN = ['SLUICE_CONFIG', 'SLUICE_CONFIG_YAML', 'SLUICE_LOG_LEVEL', 'SLUICE_NODE', 'SLUICE_QUEUE_DIR']

// Kubernetes sets variables like SLUICE_SERVICE_HOST for a service named sluice; only what is near to ours is worth a word.
function misspelt(env: Env): string[] {
  return Object.keys(env)
    .filter((name) => name.startsWith('SLUICE_') && !OWN.includes(name))
    .flatMap((name) => {
      const near = nearest(
        name.slice(7),
        OWN.map((own) => own.slice(7))
      )
      return near === undefined ? [] : [`the environment variable ${name} is not used; did you mean SLUICE_${near}?`]
    })
}

// k=v,k2=v2 with percent-encoded values, as OpenTelemetry defines it.
function headers(variable: string, value: string, problems: Problem[]): Tree {
  const entries = new Map<string, Entry>()
  for (const part of value.split(',')) {
    if (part.trim() === '') continue
    const at = part.indexOf('=')
    const name = part.slice(0, Math.max(at, 0)).trim()
    const decoded = decode(part.slice(at + 1).trim())
    if (name !== '' && decoded !== undefined) entries.set(name, { place: { variable }, value: textFrom(variable, decoded) })
    else {
      problems.push({
        place: { variable },
        path: 'exporters.otlp.headers',
        came: 'a part of another form',
        expected: 'name=value,name2=value2 with percent-encoded values',
        remedy: 'write a space as %20, a comma as %2C and a percent sign as %25'
      })
    }
  }
  return { type: 'mapping', place: { variable }, entries }
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

// Kubernetes tells the bare address of a node, and only one of IPv4 becomes part of a URL as it is.
function hostAndPort(variable: string, value: string): Tree {
  const [, host, port] = /^([0-9a-fA-F:.]*:[0-9a-fA-F:.]*):(\d+)$/.exec(value) ?? []
  return textFrom(variable, value.includes('://') ? value : `http://${host === undefined ? value : `[${host}]:${port}`}`)
}

// OpenTelemetry gives timeouts as a bare number of milliseconds.
function milliseconds(variable: string, value: string): Tree {
  return textFrom(variable, /^\d+$/.test(value.trim()) ? `${value.trim()}ms` : value)
}

function treeAt(root: Tree, steps: readonly string[]): Tree | undefined {
  let tree: Tree | undefined = root
  for (const step of steps) tree = tree?.type === 'mapping' ? tree.entries.get(step)?.value : undefined
  return tree
}

// Makes the mappings on the way; something else that stands in the way stays, and is reported when it is read.
function insert(root: Mapping, steps: readonly string[], value: Tree): void {
  let mapping = root
  for (const step of steps.slice(0, -1)) {
    const next: Tree | undefined = mapping.entries.get(step)?.value
    if (next?.type === 'mapping') mapping = next
    else if (next === undefined || isOn(next)) {
      const made: Mapping = { type: 'mapping', place: next?.place ?? value.place, entries: new Map() }
      mapping.entries.set(step, { place: mapping.entries.get(step)?.place ?? value.place, value: made })
      mapping = made
    } else return
  }
  mapping.entries.set(steps.at(-1)!, { place: value.place, value })
}
