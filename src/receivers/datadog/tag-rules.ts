// What becomes of the tags of Datadog's tracers: most keep their names, some have one in OpenTelemetry's conventions, and some are told by fields.
import { ByteKeys } from '../../otlp/attributes/byte-keys.ts'
import { lengthDelimited } from '../../otlp/wire.ts'

/** What a tag is for. */
export const ATTRIBUTE = 0
/** Told by something else, or of no use to anybody but an Agent. */
export const NOTHING = 1
/** A whole number that is written as a text. */
export const WHOLE = 2
export const DATABASE = 3
export const KIND = 4
export const ERROR_TYPE = 5
export const ERROR_MESSAGE = 6
export const ERROR_STACK = 7
export const LINKS = 8
export const EVENTS = 9
export const TRACE_STATE = 10
export const ROLES = 11

/** A name that attributes are written under. */
export interface Target {
  /** The name as the first field of a KeyValue: tag, length, UTF-8. */
  readonly key: Buffer
  /** The number of the last span that has it: an attribute may stand in a span once. */
  span: number
}

export interface TagRule {
  readonly role: number
  readonly target: Target
}

// https://docs.datadoghq.com/opentelemetry/mapping/semantic_mapping/, read from the other side. What comes first in a span wins.
const RENAMED: Readonly<Record<string, string>> = {
  'http.method': 'http.request.method',
  'http.url': 'url.full',
  'http.useragent': 'user_agent.original',
  'http.client_ip': 'client.address',
  'http.server_name': 'server.address',
  'out.host': 'server.address',
  'network.destination.name': 'server.address',
  'peer.hostname': 'server.address',
  'db.name': 'db.namespace',
  'db.instance': 'db.namespace',
  'db.statement': 'db.query.text',
  'sql.query': 'db.query.text',
  'mongodb.query': 'db.query.text',
  'redis.raw_command': 'db.query.text',
  'memcached.command': 'db.query.text',
  'memcached.query': 'db.query.text',
  'db.operation': 'db.operation.name',
  'db.sql.table': 'db.collection.name',
  'mongodb.collection': 'db.collection.name',
  'messaging.destination': 'messaging.destination.name',
  'kafka.topic': 'messaging.destination.name',
  'messaging.operation': 'messaging.operation.type',
  'rpc.system': 'rpc.system.name',
  'grpc.method.name': 'rpc.method',
  'grpc.method.service': 'rpc.service',
  'usr.id': 'user.id'
}

const WHOLE_NUMBERS: Readonly<Record<string, string>> = {
  'http.status_code': 'http.response.status_code',
  'http.response.status_code': 'http.response.status_code',
  'out.port': 'server.port',
  'network.destination.port': 'server.port',
  'server.port': 'server.port',
  'grpc.status.code': 'rpc.grpc.status_code',
  'rpc.grpc.status_code': 'rpc.grpc.status_code',
  'db.row_count': 'db.response.returned_rows'
}

const FIELDS: Readonly<Record<string, number>> = {
  'db.type': DATABASE,
  'db.system': DATABASE,
  'db.system.name': DATABASE,
  'span.kind': KIND,
  'error.type': ERROR_TYPE,
  'error.msg': ERROR_MESSAGE,
  'error.message': ERROR_MESSAGE,
  'error.stack': ERROR_STACK,
  '_dd.span_links': LINKS,
  events: EVENTS,
  tracestate: TRACE_STATE,
  'w3c.tracestate': TRACE_STATE
}

const LEFT_OUT: readonly string[] = [
  '',
  // Of the resource.
  ...['service', 'env', 'version', 'language', 'runtime-id', 'process_id', '_dd.hostname'],
  // Of the trace, and of what the sampler is told.
  ...['_dd.p.tid', '_sampling_priority_v1', '_dd.agent_psr', '_dd.limit_psr', '_dd.tracer_kr', '_dd.rule_psr'],
  ...['_dd.rc.client_id', '_dd.sdk.otlp_export', '_dd.tracer_hostname', '_dd.span_events.has_exception'],
  // Written from fields.
  ...['service.name', 'operation.name', 'resource.name', 'span.type', 'sampling.priority']
]

const REQUEST_HEADER = 'http.request.headers.'
const RESPONSE_HEADER = 'http.response.headers.'

/** Names that came, and their rules; full, they are forgotten. */
const KNOWN_BYTES_MAX = 256 * 1024
/** Longer names are cut, as the Agent cuts them. */
const NAME_BYTES_MAX = 200

/** Finds what to do with a tag by its name. */
export class TagRules {
  private readonly targets = new Map<string, Target>()
  private readonly shipped = new Map<string, TagRule>()
  private readonly known = new ByteKeys<TagRule>(1, KNOWN_BYTES_MAX)

  constructor() {
    const { shipped } = this
    for (const [name, to] of Object.entries(RENAMED)) {
      shipped.set(name, { role: ATTRIBUTE, target: this.target(to) })
      shipped.set(to, { role: ATTRIBUTE, target: this.target(to) })
    }
    for (const [name, to] of Object.entries(WHOLE_NUMBERS)) shipped.set(name, { role: WHOLE, target: this.target(to) })
    for (const [name, role] of Object.entries(FIELDS)) shipped.set(name, { role, target: this.target(name) })
    for (const name of LEFT_OUT) shipped.set(name, { role: NOTHING, target: this.target(name) })
  }

  /** The name that the code itself writes. */
  target(name: string): Target {
    let target = this.targets.get(name)
    if (target === undefined) {
      target = targetOf(name)
      this.targets.set(name, target)
    }
    return target
  }

  /** The rule of the name that lies between `start` and `whole`, at least three bytes into the request. */
  find(bytes: Buffer, view: DataView, start: number, whole: number): TagRule {
    const { known } = this
    const end = Math.min(whole, start + NAME_BYTES_MAX)
    known.begin(view, 0)
    known.part(0, start, end - start)
    const found = known.find()
    if (found !== undefined) return found
    const name = bytes.toString('utf8', start, end)
    const rule = this.shipped.get(name) ?? { role: ATTRIBUTE, target: this.targets.get(name) ?? targetOf(renamed(name)) }
    known.remember(rule)
    return rule
  }

  /** Lets go of the request. */
  close(): void {
    this.known.close()
  }
}

function renamed(name: string): string {
  if (name.startsWith(REQUEST_HEADER)) return `http.request.header.${name.slice(REQUEST_HEADER.length)}`
  return name.startsWith(RESPONSE_HEADER) ? `http.response.header.${name.slice(RESPONSE_HEADER.length)}` : name
}

function targetOf(name: string): Target {
  return { key: lengthDelimited(1, Buffer.from(name)), span: 0 }
}

const SYSTEMS: Readonly<Record<string, string>> = {
  postgres: 'postgresql',
  pg: 'postgresql',
  mssql: 'microsoft.sql_server',
  'sql-server': 'microsoft.sql_server',
  sqlserver: 'microsoft.sql_server',
  oracle: 'oracle.db',
  dynamodb: 'aws.dynamodb',
  mongo: 'mongodb'
}

/** A database by the name that OpenTelemetry has for it. */
export function databaseName(name: string): string {
  const small = name.toLowerCase()
  return Object.hasOwn(SYSTEMS, small) ? SYSTEMS[small] : small
}
