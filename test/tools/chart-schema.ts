import { readFileSync } from 'node:fs'
import { isMap, isScalar, LineCounter, type Pair, parseDocument } from 'yaml'
import { components } from '../../src/components.ts'
import { groupSchema, type JsonSchema, jsonSchema } from '../../src/config/json-schema.ts'
import { settingsShape } from '../../src/inject/settings.ts'

/** A value of the chart: where it is, what its comment says, what it is unless somebody says otherwise. */
export interface ChartValue {
  readonly path: string
  readonly doc: string
  readonly preset: unknown
  /** Those inside, where there are any. */
  readonly inside: readonly ChartValue[]
}

const TEXTS = { type: 'object', additionalProperties: { type: 'string' } }
const OBJECT = { type: 'object' }
const OBJECTS = { type: 'array', items: OBJECT }
const NAMES = { type: 'array', items: { type: 'string', minLength: 1 } }
const PORT = { type: 'integer', minimum: 1, maximum: 65_535 }
const PORT_OR_NONE = { type: 'integer', minimum: 0, maximum: 65_535 }
const COUNT = { type: 'integer', minimum: 1 }
const COUNT_OR_NONE = { type: 'integer', minimum: 0 }
const AMOUNT = { type: ['string', 'number'], pattern: '^[0-9.]*(m|[kMGTPE]i?)?$' }
const AMOUNT_OR_SHARE = { type: ['string', 'integer'], pattern: '^([0-9]+%?)?$' }
const PRICE = { type: ['string', 'number'], pattern: '^[0-9]+([.][0-9]+)?$', minimum: 0 }
const SIZE = { type: ['string', 'integer'], pattern: '^[0-9]+([.][0-9]+)? *[kKmMgGtTpP]?[iI]?[bB]?$' }
const VOLUME = { type: 'string', pattern: '^[0-9]+([.][0-9]+)?[kMGTPE]i?$' }
const TIME = { type: 'string', pattern: '^([0-9]+(ms|s|m|h|d))+$' }
/** Of an object of Kubernetes; empty for none, or for one that is made here. */
const NAME = { type: 'string', pattern: '^([a-z0-9]([a-z0-9.-]*[a-z0-9])?)?$' }
const NAME_PART = { type: 'string', pattern: '^([a-z0-9]([a-z0-9-]*[a-z0-9])?)?$' }
const CONFIG = { $ref: '#/definitions/config' }
const RESOURCES = {
  type: 'object',
  properties: Object.fromEntries(['requests', 'limits'].map((key) => [key, { type: ['object', 'null'], additionalProperties: AMOUNT }])),
  additionalProperties: false
}
const oneOf = (...values: string[]): JsonSchema => ({ enum: values })
// YAML as Helm reads it takes off for false.
const orOff = (...values: string[]): JsonSchema => ({ enum: [...values, 'off', false] })

/** What the default of a value does not tell, by its path or by its last key. */
const RULES: Readonly<Record<string, JsonSchema>> = {
  ...Object.fromEntries(
    ['commonLabels', 'commonAnnotations', 'labels', 'annotations', 'podLabels', 'podAnnotations', 'nodeSelector'].map((key) => [key, TEXTS])
  ),
  ...Object.fromEntries(
    ['affinity', 'podSecurityContext', 'securityContext', 'issuerRef', 'behavior', 'dnsConfig'].map((key) => [key, OBJECT])
  ),
  ...Object.fromEntries(
    [
      ...['imagePullSecrets', 'tolerations', 'topologySpreadConstraints', 'extraEnv', 'extraEnvFrom', 'extraVolumes', 'extraVolumeMounts'],
      ...['initContainers', 'extraContainers', 'extraObjects'],
      ...['namespaceExpressions', 'metrics', 'relabelings', 'metricRelabelings', 'from', 'metricsFrom']
    ].map((key) => [key, OBJECTS])
  ),
  ...Object.fromEntries(['excludeNamespaces', 'exclude', 'loadBalancerSourceRanges', 'accessModes', 'include'].map((key) => [key, NAMES])),
  'daemonset.podLogs.linkTargets': { type: 'array', items: { type: 'string', pattern: '^/[^/]' } },
  'gateway.extraPorts': {
    type: 'array',
    items: {
      type: 'object',
      properties: { name: { type: 'string', pattern: '^[a-z0-9-]{1,15}$' }, port: PORT, protocol: oneOf('TCP', 'UDP') },
      required: ['name', 'port'],
      additionalProperties: false
    }
  },
  config: CONFIG,
  probes: {
    type: 'object',
    properties: Object.fromEntries(['startupProbe', 'livenessProbe', 'readinessProbe'].map((key) => [key, OBJECT])),
    additionalProperties: false
  },
  resources: RESOURCES,
  port: PORT,
  webhook: PORT,
  admin: PORT,
  'gateway.ports.otlpHttp': PORT_OR_NONE,
  'gateway.ports.otlpGrpc': PORT_OR_NONE,
  replicas: COUNT,
  minReplicas: COUNT,
  maxReplicas: COUNT,
  minAvailable: AMOUNT_OR_SHARE,
  maxUnavailable: AMOUNT_OR_SHARE,
  terminationGracePeriodSeconds: COUNT,
  timeoutSeconds: { type: 'integer', minimum: 1, maximum: 30 },
  targetCPUUtilizationPercentage: COUNT_OR_NONE,
  targetMemoryUtilizationPercentage: COUNT_OR_NONE,
  'daemonset.priorityClass.value': { type: 'integer', maximum: 1_000_000_000 },
  sizeMax: SIZE,
  emptyDirSizeLimit: VOLUME,
  'gateway.persistence.size': VOLUME,
  interval: TIME,
  scrapeTimeout: TIME,
  duration: TIME,
  renewBefore: TIME,
  sendTo: oneOf('auto', 'gateway', 'backends'),
  'daemonset.pods.access': orOff('auto', 'kubelet', 'api', 'proxy'),
  'daemonset.queue.type': oneOf('hostPath', 'emptyDir', 'memory'),
  'daemonset.queue.hostPath': { type: 'string', pattern: '^(/[^/].*)?$' },
  'daemonset.updateStrategy.type': oneOf('RollingUpdate', 'OnDelete'),
  'gateway.service.type': oneOf('ClusterIP', 'NodePort', 'LoadBalancer'),
  'gateway.service.trafficDistribution': oneOf('', 'PreferClose', 'PreferSameZone', 'PreferSameNode'),
  whenDeleted: oneOf('Retain', 'Delete'),
  whenScaled: oneOf('Retain', 'Delete'),
  'injector.certificates.source': oneOf('self', 'cert-manager', 'secret'),
  caBundle: { type: 'string', pattern: '^[A-Za-z0-9+/=]*$' },
  failurePolicy: oneOf('Ignore', 'Fail'),
  reinvocationPolicy: oneOf('IfNeeded', 'Never'),
  nameOverride: NAME_PART,
  fullnameOverride: NAME_PART,
  name: NAME,
  existingSecret: NAME,
  priorityClassName: NAME,
  runtimeClassName: NAME,
  'image.repository': { type: 'string', pattern: '^[a-z0-9][a-z0-9.-]*(:[0-9]{1,5})?(/[a-z0-9][a-z0-9._-]*)*$' },
  'image.tag': { type: ['string', 'number'], pattern: '^[A-Za-z0-9_.-]*$' },
  'image.digest': { type: 'string', pattern: '^(sha256:[0-9a-f]{64})?$' },
  'image.pullPolicy': oneOf('IfNotPresent', 'Always', 'Never'),
  listenHost: { type: 'string', pattern: '^([A-Za-z0-9.-]*|\\[[0-9A-Fa-f:.]+\\])$' },
  'monitoring.reports.prometheus.url': { type: 'string', pattern: '^(https?://[^/].*)?$' },
  'monitoring.reports.mail.to': NAMES,
  'monitoring.reports.mail.from': { type: 'string' },
  'monitoring.reports.mail.smtp': { type: 'string', pattern: '^(smtps?://[^/@]+)?$' },
  'monitoring.reports.clusters': NAMES,
  'monitoring.reports.namespaces': NAMES,
  'monitoring.reports.timeout': TIME,
  'monitoring.reports.gpuPrice': PRICE,
  'monitoring.reports.energyPrice': PRICE,
  backoffLimit: COUNT_OR_NONE,
  'backends.otlp.endpoint': { type: 'string', pattern: '^(https?://[^/].*)?$' }
}

/** The values that `text` presets, each with the comment above it. */
export function chartValues(text: string): ChartValue[] {
  const lines = new LineCounter()
  const { contents } = parseDocument(text, { lineCounter: lines })
  const rows = text.split('\n')
  const chartValue = (pair: Pair, above: string): ChartValue => {
    if (!isScalar(pair.key)) throw new Error(`${above}: a key that is no word`)
    const path = `${above}${String(pair.key.value)}`
    const row = lines.linePos(pair.key.range![0]).line - 1
    let first = row
    while (first > 0 && /^ *#/.test(rows[first - 1])) first--
    const doc = rows.slice(first, row).map((line) => line.replace(/^ *# ?/, ''))
    const inside = isMap(pair.value) && RULES[path] === undefined && RULES[lastOf(path)] !== TEXTS ? pair.value.items : []
    const node = pair.value as { toJSON(): unknown } | null
    return { path, doc: doc.join(' '), preset: node?.toJSON() ?? null, inside: inside.map((each) => chartValue(each, `${path}.`)) }
  }
  return isMap(contents) ? contents.items.map((pair) => chartValue(pair, '')) : []
}

/** The JSON Schema of the chart's values. It is of draft 7, which every Helm 3 and 4 understands. */
export function chartSchema(text: string): JsonSchema {
  const { $defs: _, $schema: __, title: ___, ...config } = draft7(jsonSchema(components)) as Record<string, unknown>
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the chart sluice',
    ...objectOf([...chartValues(text), { path: 'global', doc: 'Of charts that this one is a part of.', preset: {}, inside: [] }]),
    definitions: { config, variable: { type: 'string', pattern: '\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\}' } }
  }
}

function objectOf(values: readonly ChartValue[]): JsonSchema {
  return {
    type: 'object',
    properties: Object.fromEntries(values.map((value) => [lastOf(value.path), { description: value.doc, ...schemaOf(value) }])),
    required: values.filter(isNeeded).map(({ path }) => lastOf(path)),
    additionalProperties: false
  }
}

/** Values that say nothing when they are null: Helm then takes their default away. */
const EMPTY_WITHOUT: readonly string[] = [
  ...['resources', 'probes', 'global', 'maxUnavailable', 'minAvailable'],
  ...['targetCPUUtilizationPercentage', 'targetMemoryUtilizationPercentage']
]

// Everything else has a default, and is there unless somebody has set it to null.
function isNeeded({ path, preset }: ChartValue): boolean {
  const key = lastOf(path)
  if (EMPTY_WITHOUT.includes(key) || RULES[key] === OBJECT || SETTINGS[path] !== undefined) return false
  return preset !== '' && (!Array.isArray(preset) || key === 'excludeNamespaces')
}

function schemaOf({ path, preset, inside }: ChartValue): JsonSchema {
  const rule = SETTINGS[path] ?? RULES[path] ?? (inside.length === 0 || lastOf(path) === 'resources' ? RULES[lastOf(path)] : undefined)
  // A reference hides what stands beside it.
  if (rule !== undefined) return rule.$ref === undefined ? rule : { allOf: [rule] }
  if (inside.length > 0) return objectOf(inside)
  if (Array.isArray(preset)) return { type: 'array' }
  if (typeof preset === 'number') return { type: 'integer' }
  return { type: typeof preset }
}

const sidecarOptions = fixed(draft7(groupSchema(settingsShape.sidecar.unwrap().shape))) as { properties: Record<string, JsonSchema> }
const { listen: _, admin: __, ...serverShape } = settingsShape.webhook.unwrap().shape

/** What the injector's own settings say of the values that become them. */
const SETTINGS: Readonly<Record<string, JsonSchema>> = {
  ...Object.fromEntries(Object.entries(sidecarOptions.properties).map(([key, schema]) => [`injector.sidecar.${key}`, schema])),
  'injector.sidecar.image': {
    type: 'string',
    pattern: '^([a-z0-9][a-z0-9.-]*(:[0-9]{1,5})?(/[a-z0-9][a-z0-9._-]*)*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?(@sha256:[0-9a-f]{64})?)?$'
  },
  'injector.sidecar.secret': NAME,
  'injector.sidecar.imagePullPolicy': oneOf('', 'IfNotPresent', 'Always', 'Never'),
  'injector.sidecar.gpuPort': PORT_OR_NONE,
  'injector.sidecar.config': CONFIG,
  'injector.sidecar.profiles': { type: 'object', additionalProperties: CONFIG },
  'injector.server': fixed(draft7(groupSchema(serverShape)))
}

// The gateway's schema in terms of draft 7. Its descriptions are left to its own file, since every release of a chart carries these; secrets come
// from Secrets, so that here they can only be variables.
function draft7(schema: unknown): JsonSchema {
  if (Array.isArray(schema)) return schema.map(draft7) as unknown as JsonSchema
  if (typeof schema !== 'object' || schema === null) return schema as unknown as JsonSchema
  const { description, default: preset, writeOnly, ...rest } = schema as Record<string, unknown>
  if (writeOnly === true) return { type: 'string', pattern: '^\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}$' }
  // An option may itself be called so.
  const kept = { ...rest, ...(isSchema(description) ? { description } : {}), ...(isSchema(preset) ? { default: preset } : {}) }
  const { anyOf } = kept as { anyOf?: unknown[] }
  if (Array.isArray(anyOf) && anyOf.length === 1) return draft7(anyOf[0])
  return Object.fromEntries(
    Object.entries(kept).map(([key, value]) => [key, key === '$ref' ? String(value).replace('$defs', 'definitions') : draft7(value)])
  )
}

// No variables are put into the injector's file.
function fixed(schema: JsonSchema): JsonSchema {
  if (Array.isArray(schema)) return schema.map(fixed) as unknown as JsonSchema
  if (typeof schema !== 'object' || schema === null) return schema
  const { anyOf, ...rest } = schema as { anyOf?: JsonSchema[] }
  if (anyOf === undefined) return Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, fixed(value as JsonSchema)]))
  const forms = anyOf.filter(({ $ref }) => $ref === undefined).map(fixed)
  return { ...rest, ...(forms.length === 1 ? forms[0] : { anyOf: forms }) }
}

function isSchema(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && ('anyOf' in value || 'type' in value || 'properties' in value)
  )
}

function lastOf(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1)
}

const ROOT = new URL('../../', import.meta.url)

/** The files of the chart that are made of others, by path. */
export function chartFiles(): Readonly<Record<string, string>> {
  const read = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8')
  return {
    'helm/values.schema.json': `${JSON.stringify(chartSchema(read('helm/values.yaml')))}\n`,
    ...Object.fromEntries(['daemonset', 'gateway'].map((name) => [`helm/files/profiles/${name}.yaml`, read(`config/${name}.yaml`)]))
  }
}
