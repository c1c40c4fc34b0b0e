// Contexts of events: what Sentry shows beside an error, by theme. https://develop.sentry.dev/sdk/foundations/transport/event-payloads/contexts/
import { CONTEXT_BYTES_MAX, cut, type Trimmed } from './limits.ts'
import type { Taken } from './taken.ts'
import { type Json, type JsonMap, jsonMap } from './values.ts'

const MEGABYTE = 1024 * 1024

/** By what they are of. Takes what it shows from the resource, and of the GPU from the record too, which knows it at that instant. */
export function environmentContexts(record: Taken, resource: Taken, trimmed: Trimmed): Record<string, JsonMap> {
  const contexts: Record<string, JsonMap> = {}
  const put = (name: string, context: JsonMap): void => {
    if (Object.keys(context).length > 0) contexts[name] = fitted(context, name, trimmed)
  }
  put('gpu', gpuContext(record, resource))
  put('pod', podContext(resource))
  put('runtime', runtimeContext(resource))
  put('os', osContext(resource))
  put('device', deviceContext(resource))
  put('app', appContext(resource))
  put('cloud_resource', resource.under(['cloud.']))
  return contexts
}

/** The GPU of the sender, and its state when it happened. Names that Sentry shows by itself first, then ours with their units. */
function gpuContext(record: Taken, resource: Taken): JsonMap {
  const of = (key: string): Json | undefined => {
    const own = record.json(key)
    const shared = resource.json(key)
    return own ?? shared
  }
  const memory = of('gpu.memory.size')
  const used = of('gpu.memory.used')
  const share = typeof used === 'number' && typeof memory === 'number' && memory > 0 ? Math.round((used / memory) * 1000) / 1000 : undefined
  const context = compact({
    name: of('hw.model'),
    vendor_name: of('hw.vendor'),
    version: of('hw.driver_version'),
    memory_size: typeof memory === 'number' ? Math.round(memory / MEGABYTE) : undefined,
    uuid: of('hw.id'),
    index: of('gpu.index'),
    count: of('gpu.count'),
    mig_profile: of('gpu.mig.profile'),
    mig_parent: of('hw.parent'),
    memory_used_bytes: used,
    memory_used_ratio: share,
    utilization: of('gpu.utilization'),
    temperature_celsius: of('gpu.temperature'),
    power_watts: of('gpu.power'),
    energy_joules: of('gpu.energy'),
    throttle_reasons: of('gpu.throttle.reasons'),
    process_pid: of('gpu.process.pid'),
    process_name: of('gpu.process.name'),
    process_memory_used_bytes: of('gpu.process.memory.used'),
    sample_age_seconds: of('gpu.sample.age'),
    xid_code: of('gpu.xid.code'),
    xid_meaning: of('gpu.xid.meaning'),
    xid_class: of('gpu.xid.class')
  })
  if (resource.get('hw.type')?.stringValue === 'gpu') resource.take('hw.type')
  if (record.get('hw.type')?.stringValue === 'gpu') record.take('hw.type')
  return context
}

function podContext(resource: Taken): JsonMap {
  const context = compact({ name: resource.json('k8s.pod.name'), namespace: resource.json('k8s.namespace.name') })
  for (const [key, value] of Object.entries(resource.under(['k8s.', 'container.']))) context[key.replace(/^k8s\./, '')] = value
  return context
}

function runtimeContext(resource: Taken): JsonMap {
  const language = resource.json('telemetry.sdk.language')
  return compact({
    name: resource.json('process.runtime.name') ?? language,
    version: resource.json('process.runtime.version'),
    raw_description: resource.json('process.runtime.description')
  })
}

function osContext(resource: Taken): JsonMap {
  return compact({
    name: resource.text('os.name', 'os.type'),
    version: resource.json('os.version'),
    build: resource.json('os.build_id'),
    raw_description: resource.json('os.description')
  })
}

function deviceContext(resource: Taken): JsonMap {
  return compact({
    name: resource.json('host.name'),
    model: resource.json('host.type'),
    arch: resource.json('host.arch'),
    device_unique_identifier: resource.json('host.id')
  })
}

function appContext(resource: Taken): JsonMap {
  return compact({
    app_name: resource.json('service.name'),
    app_version: resource.json('service.version'),
    app_identifier: resource.json('service.instance.id'),
    namespace: resource.json('service.namespace')
  })
}

/** The map without what is undefined. */
export function compact(map: Record<string, Json | undefined>): JsonMap {
  const found = jsonMap()
  for (const [key, value] of Object.entries(map)) if (value !== undefined && value !== '') found[key] = value
  return found
}

const CONTEXT_TEXT_CHARACTERS_MAX = 1024

/** The context within what Sentry takes of one: long texts are cut, and what has no room then is left out. */
export function fitted(context: JsonMap, part: string, trimmed: Trimmed, bytesMax = CONTEXT_BYTES_MAX): JsonMap {
  if (bytesOf(context) <= bytesMax) return context
  const found = jsonMap()
  let bytes = 2
  for (const [key, value] of Object.entries(context)) {
    const short = shortened(value)
    const size = Buffer.byteLength(JSON.stringify(key)) + bytesOf(short) + 2
    if (short !== value || bytes + size > bytesMax) trimmed.add(part)
    if (bytes + size > bytesMax) continue
    bytes += size
    found[key] = short
  }
  return found
}

function shortened(value: Json): Json {
  if (typeof value === 'string') return cut(value, CONTEXT_TEXT_CHARACTERS_MAX)
  if (typeof value !== 'object' || value === null) return value
  const text = JSON.stringify(value)
  return text.length <= CONTEXT_TEXT_CHARACTERS_MAX ? value : cut(text, CONTEXT_TEXT_CHARACTERS_MAX)
}

export function bytesOf(value: Json): number {
  return Buffer.byteLength(JSON.stringify(value))
}
