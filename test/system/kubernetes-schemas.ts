import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv, type AnySchemaObject, type ErrorObject } from 'ajv'
import { parse } from 'yaml'
import { KUBERNETES_MINORS, type KubernetesMinor, kubernetesParts } from './kubernetes-parts.ts'

// biome-ignore lint/suspicious/noExplicitAny: trees of manifests and schemas, for tests to look into
type Tree = any

export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata?: { readonly name?: string }
}

/** What is wrong with an object by the schemas of a Kubernetes minor, a line each; nothing when it is valid. Unknown fields are wrong. */
export type ValidateObject = (object: KubernetesObject, minor: KubernetesMinor) => string[]

/**
 * A validator of manifests by the OpenAPI documents of three Kubernetes minors, and of the Prometheus operator's and cert-manager's objects by the
 * schemas in their CRDs; or the reason why there is none here.
 */
export async function kubernetesSchemas(): Promise<{ skip: false; validate: ValidateObject } | { skip: string; validate: null }> {
  const { skip, parts } = await kubernetesParts('openApi', 'crds')
  if (parts === null) return { skip, validate: null }
  const sets = new Map(KUBERNETES_MINORS.map((minor) => [minor, new SchemaSet(parts.openApi[minor], parts.crds)]))
  return { skip: false, validate: (object, minor) => sets.get(minor)!.validate(object) }
}

const OBJECT_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'

// What OpenAPI 2 cannot say of these types.
const LOOSE_TYPES: Readonly<Record<string, AnySchemaObject>> = {
  'io.k8s.apimachinery.pkg.api.resource.Quantity': { type: ['string', 'number'], format: 'quantity' },
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': { type: ['string', 'integer'] }
}

/** The schemas of one minor. Each is compiled when the first object of its kind comes. */
class SchemaSet {
  private readonly ajv = ajvWithKubernetesWords()
  private readonly idByKind = new Map<string, string>()

  constructor(openApiFile: string, crdDirectories: readonly string[]) {
    const { definitions } = JSON.parse(readFileSync(openApiFile, 'utf8')) as { definitions: Record<string, Tree> }
    for (const [name, definition] of Object.entries(definitions)) {
      this.ajv.addSchema({ $id: name, ...(LOOSE_TYPES[name] ?? closed(definition)) })
      const kinds = (definition['x-kubernetes-group-version-kind'] ?? []) as { group: string; version: string; kind: string }[]
      if (kinds.length === 1) this.idByKind.set(kindKey(kinds[0]), name)
    }
    for (const directory of crdDirectories) {
      for (const file of readdirSync(directory).filter((name) => name.endsWith('.yaml'))) {
        const { spec } = parse(readFileSync(join(directory, file), 'utf8')) as Tree
        for (const { name: version, schema } of spec.versions) {
          const root = closed(schema.openAPIV3Schema) as Tree
          const key = kindKey({ group: spec.group, version, kind: spec.names.kind })
          this.ajv.addSchema({ ...root, $id: key, properties: { ...root.properties, metadata: { $ref: OBJECT_META } } })
          this.idByKind.set(key, key)
        }
      }
    }
  }

  validate(object: KubernetesObject): string[] {
    const [version, group = ''] = object.apiVersion.split('/').reverse()
    const name = `${object.kind} ${object.metadata?.name ?? '(no name)'}`
    const id = this.idByKind.get(kindKey({ group, version, kind: object.kind }))
    if (id === undefined) return [`${name}: there is no ${object.kind} in ${object.apiVersion}`]
    const check = this.ajv.getSchema(id)!
    if (check(object)) return []
    return check.errors!.map((error) => `${name}: ${lineOf(error)}`)
  }
}

function kindKey({ group, version, kind }: { group: string; version: string; kind: string }): string {
  return `${group}~${version}~${kind}`
}

function lineOf({ instancePath, message, params }: ErrorObject): string {
  return `${instancePath === '' ? '/' : instancePath} ${message} ${JSON.stringify(params)}`
}

// Objects take the fields that are described and no others, as the API server does when it is asked for strict validation.
function closed(schema: Tree): AnySchemaObject {
  const { $ref, properties, items, additionalProperties, ...rest } = schema
  if ($ref !== undefined) return { $ref: $ref.replace('#/definitions/', '') }
  if (schema['x-kubernetes-int-or-string'] === true) return { ...rest, type: ['string', 'integer'] }
  const made: AnySchemaObject = rest
  if (items !== undefined) made.items = closed(items)
  if (typeof additionalProperties === 'object') made.additionalProperties = closed(additionalProperties)
  if (properties !== undefined) {
    made.properties = Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, closed(property)]))
    if (additionalProperties === undefined && schema['x-kubernetes-preserve-unknown-fields'] !== true) made.additionalProperties = false
  }
  return made
}

const QUANTITY = /^[+-]?(\d+(\.\d*)?|\.\d+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?$/

// Go writes a flag into the pattern, as (?i).
const goPattern = Object.assign(
  (pattern: string, flags: string) => new RegExp(pattern.replace('(?i)', ''), pattern.includes('(?i)') ? `${flags}i` : flags),
  { code: 'goPattern' }
)

function ajvWithKubernetesWords(): Ajv {
  const words = { strict: false, allErrors: true, inlineRefs: false, validateSchema: false, meta: false }
  const ajv = new Ajv({ ...words, code: { regExp: goPattern } })
  ajv.addFormat('int32', { type: 'number', validate: (value) => Number.isInteger(value) && Math.abs(value) < 2 ** 31 })
  ajv.addFormat('int64', { type: 'number', validate: Number.isInteger })
  ajv.addFormat('double', { type: 'number', validate: Number.isFinite })
  ajv.addFormat('byte', /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/)
  ajv.addFormat('date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/)
  ajv.addFormat('quantity', QUANTITY)
  ajv.addFormat('int-or-string', true)
  ajv.addKeyword({
    keyword: 'x-kubernetes-list-map-keys',
    type: 'array',
    validate: (keys: readonly string[], list: readonly Tree[]) =>
      new Set(list.map((item) => JSON.stringify(keys.map((key) => item?.[key] ?? (key === 'protocol' ? 'TCP' : null))))).size ===
      list.length
  })
  ajv.addKeyword({
    keyword: 'x-kubernetes-list-type',
    type: 'array',
    validate: (type: string, list: readonly Tree[]) =>
      type !== 'set' || new Set(list.map((item) => JSON.stringify(item))).size === list.length
  })
  return ajv
}
