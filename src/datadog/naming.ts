// What Datadog calls a span of OpenTelemetry. The Agent finds these names by the same rules, its "V2":
// https://docs.datadoghq.com/opentelemetry/mapping/semantic_mapping/
import { quantizedQuery } from './quantize.ts'

/** The first of several attributes that has a text, of the span before its resource; undefined where none has. */
export type ReadText = (...names: readonly NameSource[]) => string | undefined

export interface SpanNames {
  readonly service: string
  /** What Datadog calls the name of a span: the kind of work, as http.server.request. */
  readonly operation: string
  /** What it was done on: a route, a statement. */
  readonly resource: string
  readonly type: string
}

// Kinds of span.
export const SERVER = 2
export const CLIENT = 3
export const PRODUCER = 4
export const CONSUMER = 5

/** What the Agent calls the service of spans that do not say theirs. */
export const SERVICE_MISSING = 'otlpresourcenoservicename'
const NAME_CHARACTERS_MAX = 100
const RESOURCE_CHARACTERS_MAX = 5000

/** All attributes that names are made of. */
export const NAME_SOURCES = [
  'service.name',
  'operation.name',
  'resource.name',
  'span.type',
  'http.request.method',
  'http.method',
  'http.route',
  'db.system.name',
  'db.system',
  'db.query.text',
  'db.statement',
  'messaging.system',
  'messaging.operation.type',
  'messaging.operation',
  'messaging.destination.name',
  'messaging.destination',
  'rpc.system.name',
  'rpc.system',
  'rpc.service',
  'rpc.method',
  'faas.invoked_provider',
  'faas.invoked_name',
  'faas.trigger',
  'graphql.operation.type',
  'graphql.operation.name',
  'network.protocol.name'
] as const

export type NameSource = (typeof NAME_SOURCES)[number]

/** The names of a span. */
export function namesOf(read: ReadText, kind: number, spanName: string): SpanNames {
  const type = typeOf(read, kind)
  return {
    service: cut(read('service.name') ?? SERVICE_MISSING, NAME_CHARACTERS_MAX),
    operation: cut(operationOf(read, kind), NAME_CHARACTERS_MAX),
    resource: cut(resourceOf(read, kind, spanName) || spanName || 'unnamed', RESOURCE_CHARACTERS_MAX),
    type: cut(type, NAME_CHARACTERS_MAX)
  }
}

function operationOf(read: ReadText, kind: number): string {
  const given = read('operation.name')
  if (given !== undefined) return given
  const [isServer, isClient] = [kind === SERVER, kind === CLIENT]
  const isHttp = (isServer || isClient) && read('http.request.method', 'http.method') !== undefined
  if (isHttp) return isServer ? 'http.server.request' : 'http.client.request'
  const database = isClient ? read('db.system.name', 'db.system') : undefined
  if (database !== undefined) return `${database}.query`
  const [broker, deed] = [read('messaging.system'), read('messaging.operation.type', 'messaging.operation')]
  if (broker !== undefined && deed !== undefined && kind >= SERVER) return `${broker}.${deed}`
  const rpc = isServer || isClient ? read('rpc.system.name', 'rpc.system') : undefined
  if (rpc === 'aws-api' && isClient) return `aws.${read('rpc.service') ?? 'client'}.request`
  if (rpc !== undefined) return `${rpc}.${isServer ? 'server' : 'client'}.request`
  const [provider, invoked] = [read('faas.invoked_provider'), read('faas.invoked_name')]
  if (isClient && provider !== undefined && invoked !== undefined) return `${provider}.${invoked}.invoke`
  const trigger = isServer ? read('faas.trigger') : undefined
  if (trigger !== undefined) return `${trigger}.invoke`
  if (read('graphql.operation.type') !== undefined) return 'graphql.server.request'
  if (!isServer && !isClient) return KIND_NAMES[kind] ?? 'Internal'
  const protocol = read('network.protocol.name')
  return `${protocol === undefined ? '' : `${protocol}.`}${isServer ? 'server' : 'client'}.request`
}

const KIND_NAMES: Readonly<Record<number, string>> = { [PRODUCER]: 'Producer', [CONSUMER]: 'Consumer' }

function resourceOf(read: ReadText, kind: number, spanName: string): string {
  const given = read('resource.name')
  if (given !== undefined) return given
  const method = read('http.request.method', 'http.method')
  if (method !== undefined) return joined(method === '_OTHER' ? 'HTTP' : method, kind === SERVER ? read('http.route') : undefined)
  const deed = read('messaging.operation.type', 'messaging.operation')
  if (deed !== undefined) return joined(deed, read('messaging.destination.name', 'messaging.destination'))
  const called = read('rpc.method')
  if (called !== undefined) return joined(called, read('rpc.service'))
  const asked = read('graphql.operation.type')
  if (asked !== undefined) return joined(asked, read('graphql.operation.name'))
  const database = read('db.system.name', 'db.system')
  const statement = database === undefined ? undefined : read('db.statement', 'db.query.text')
  return statement === undefined ? spanName : quantizedQuery(statement, databaseType(database!))
}

function joined(one: string, other: string | undefined): string {
  return other === undefined ? one : `${one} ${other}`
}

function typeOf(read: ReadText, kind: number): string {
  const given = read('span.type')
  if (given !== undefined) return given
  if (kind === SERVER) return 'web'
  if (kind !== CLIENT) return 'custom'
  const database = read('db.system.name', 'db.system')
  return database === undefined ? 'http' : databaseType(database)
}

const OWN_TYPES = new Set(['redis', 'memcached', 'mongodb', 'cassandra', 'elasticsearch', 'opensearch'])
const NOT_SQL = new Set(['couchbase', 'couchdb', 'dynamodb', 'aws.dynamodb', 'neo4j', 'hbase', 'geode', 'influxdb', 'milvus', 'qdrant'])

/** The type of a span that asks this database. */
export function databaseType(system: string): string {
  if (OWN_TYPES.has(system)) return system
  return NOT_SQL.has(system) ? 'db' : 'sql'
}

function cut(text: string, charactersMax: number): string {
  return text.length > charactersMax ? text.slice(0, charactersMax) : text
}
