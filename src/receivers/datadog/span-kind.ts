// What OpenTelemetry calls a span of a tracer whose spans have an operation, a resource and a type: web.request, GET /jobs/:id, web.

export const INTERNAL = 1
export const SERVER = 2
export const CLIENT = 3
export const PRODUCER = 4
export const CONSUMER = 5

const KINDS: Readonly<Record<string, number>> = {
  internal: INTERNAL,
  server: SERVER,
  client: CLIENT,
  producer: PRODUCER,
  consumer: CONSUMER
}

/** Types of spans whose resource is a query in the words of the database. */
const QUERIES = new Set(['sql', 'cassandra'])
/** Types that are databases by themselves, whose resource may hold what was asked. */
const DATABASES = new Set(['mongodb', 'elasticsearch', 'opensearch', 'dynamodb', 'db', 'cosmosdb', 'aerospike'])
/** Types whose resource is one command. */
const COMMANDS = new Set(['redis', 'memcached', 'valkey', 'cache'])

export const isQuery = (type: string): boolean => QUERIES.has(type)
export const isCommand = (type: string): boolean => COMMANDS.has(type)
export const isDatabase = (type: string): boolean => QUERIES.has(type) || DATABASES.has(type) || COMMANDS.has(type)

/** The kind of a span. Tracers of old do not tell it: there the type does, and for messages the operation. */
export function kindOf(told: string, type: string, operation: string, isLocalRoot: boolean): number {
  const kind = KINDS[told.toLowerCase()]
  if (kind !== undefined) return kind
  if (type === 'web') return isLocalRoot ? SERVER : INTERNAL
  if (type === 'http' || isDatabase(type)) return CLIENT
  if (type === 'queue' || type === 'worker') {
    if (/[._](receive|consume|process|poll)$/.test(operation)) return CONSUMER
    if (/[._](send|produce|publish|enqueue)$/.test(operation)) return PRODUCER
  }
  return INTERNAL
}

/** Whether the resource serves as the name of the span: of databases it may say what was asked, and then the operation is the name. */
export const isNamedByResource = (type: string): boolean => !isDatabase(type)

/** The database that a span asks, where no tag tells: from `pg.query`, or the type. */
export function systemOf(type: string, operation: string): string {
  const [first] = operation.split('.', 1)
  if (!QUERIES.has(type)) return type
  return type === 'sql' ? (SQL_SYSTEMS.has(first) ? first : 'other_sql') : type
}

const SQL_SYSTEMS = new Set([
  'pg',
  'postgres',
  'postgresql',
  'mysql',
  'mariadb',
  'sqlite',
  'mssql',
  'oracle',
  'clickhouse',
  'snowflake',
  'vertica'
])
