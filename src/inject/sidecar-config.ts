import * as yaml from 'yaml'
import { parseDuration, parseSize } from '../config/units.ts'
import { literal, plain } from './env-text.ts'
import { type Json, listOf, objectOf } from './json.ts'
import { addressesOf, freePort, isOnIn, LISTENER_NAMES, listenAt, portOf, withPort } from './listeners.ts'
import { LOGS_DIRECTORY, QUEUE_DIRECTORY, VOLUMES_DIRECTORY } from './names.ts'
import type { PodOptions } from './options.ts'
import type { SidecarSettings } from './settings.ts'

const MIB = 1024 * 1024

/** What the gateway presets, where this file must know it. */
const PRESETS = { deadLetterMax: '64MiB', shutdownTimeout: '25s', graceSeconds: 30 }
/** What is left of the pod's grace period for everything but delivering. */
const GRACE_SHARE = 0.8

/**
 * What a sidecar may hold at once where its memory is 256Mi. The rule: 130 MB, twice what can be full at once, and the queue's part in memory.
 */
const LIMITS = {
  receivers: {
    otlp: { inFlightMax: '32MiB', connectionsMax: 128 },
    logs: { httpInFlightMax: '16MiB' },
    sentry: { inFlightMax: '16MiB' },
    datadog: { inFlightMax: '16MiB' }
  },
  queue: { memoryMax: '32MiB' }
}

/** The gateway's configuration in one pod. */
export interface SidecarConfig {
  readonly config: Json
  /** What all files under the queue's directory may take. */
  readonly queueVolumeBytes: number
}

/** Makes the configuration of one sidecar of what the injector's file says, the profile, and what the pod wants and has. */
export function sidecarConfig(
  spec: Json,
  options: PodOptions,
  settings: SidecarSettings,
  taken: ReadonlySet<number>,
  warnings: string[]
): SidecarConfig {
  const profile = options.profile === undefined ? {} : settings.profiles[options.profile]
  const config = laidOver(laidOver(LIMITS, settings.config), profile) as Record<string, Json>
  const put = (section: string, values: object): void => {
    config[section] = laidOver(objectOf(config[section]), values)
  }

  const queue = objectOf(config.queue)
  const sizeBytes = options.queueSize ?? bytesOf(queue.sizeMax) ?? settings.queueSize
  put('queue', { dir: QUEUE_DIRECTORY, sizeMax: sizeText(sizeBytes) })
  const queueVolumeBytes = sizeBytes + (bytesOf(queue.deadLetterMax ?? PRESETS.deadLetterMax) ?? 0) + 64 * MIB

  if (options.sampleTraces !== undefined) {
    if (isOnIn(config, 'processors', 'sample')) put('processors', { sample: { traces: options.sampleTraces } })
    else warnings.push('sluice.dev/sample-traces: the injector’s configuration keeps all traces, processors.sample is off; not applied')
  }
  const gpu = options.gpu ?? settings.gpu
  const said = objectOf(objectOf(config.facts).gpu)
  if (options.gpu !== undefined || said.source === undefined) put('facts', { gpu: { source: gpu } })
  if (options.logDirectories !== undefined) {
    const files = objectOf(objectOf(config.receivers).files)
    put('receivers', {
      files: {
        include: [...listOf(files.include), `${LOGS_DIRECTORY}/**/*`, `${VOLUMES_DIRECTORY}/**/*`],
        startAt: files.startAt ?? 'beginning'
      }
    })
  }
  const allowedMs = Math.max(1000, (Number(spec.terminationGracePeriodSeconds ?? PRESETS.graceSeconds) || 0) * 1000 * GRACE_SHARE)
  const stopMs = parseDuration(String(config.shutdownTimeout ?? PRESETS.shutdownTimeout))
  if (!(stopMs instanceof Error) && stopMs > allowedMs)
    config.shutdownTimeout = allowedMs % 1000 === 0 ? `${allowedMs / 1000}s` : `${Math.floor(allowedMs)}ms`
  // Prometheus asks at the pod's address.
  if (objectOf(config.admin).listen === undefined) put('admin', { listen: ':9464' })
  moveAway(config, taken)
  return { config, queueVolumeBytes }
}

/** The configuration as the value of a container's variable. */
export function configText(config: Json): string {
  const content = JSON.stringify(config)
  if (content !== written.content) written = { content, text: literal(yaml.stringify(config, { lineWidth: 0 })) }
  return written.text
}

/** What was written last; most pods of a cluster get the same. */
let written = { content: '', text: '' }

/** A variable of a container can be no longer than Linux lets it be. */
const VARIABLE_LENGTH_MAX = 128 * 1024

/** Reads such a value back; undefined where it is none of ours. */
export function readConfigText(text: unknown): Json | undefined {
  if (typeof text !== 'string' || text.length > VARIABLE_LENGTH_MAX) return undefined
  try {
    return objectOf(yaml.parse(plain(text), { logLevel: 'silent', uniqueKeys: false }))
  } catch {
    return undefined
  }
}

/** Lays options over others: mappings grow together, everything else takes the place of what was there. */
export function laidOver(under: Json, over: Json): Json {
  if (!isMapping(over)) return over
  const result: Record<string, Json> = isMapping(under) ? { ...under } : {}
  for (const [key, value] of Object.entries(over)) result[key] = laidOver(result[key], value)
  return result
}

const isMapping = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value)

// Whatever the pod's containers listen on themselves stays theirs.
function moveAway(config: Json, taken: ReadonlySet<number>): void {
  const used = new Set(taken)
  for (const name of LISTENER_NAMES) for (const address of addressesOf(config, name)) used.add(portOf(address)!)
  for (const name of LISTENER_NAMES) {
    const addresses = addressesOf(config, name)
    if (!addresses.some((address) => taken.has(portOf(address)!))) continue
    const moved = addresses.map((address) => {
      const port = portOf(address)!
      if (!taken.has(port)) return address
      const free = freePort(port, used)
      used.add(free)
      return withPort(address, free)
    })
    listenAt(config, name, moved)
  }
}

function bytesOf(value: unknown): number | undefined {
  if (value === undefined) return undefined
  const bytes = parseSize(String(value))
  return bytes instanceof Error ? undefined : bytes
}

const sizeText = (bytes: number): string => (bytes % MIB === 0 ? `${bytes / MIB}MiB` : String(bytes))
