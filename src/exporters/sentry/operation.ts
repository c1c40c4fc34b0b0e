import type { AnyValue, KeyValue } from '../../otlp/objects.ts'
import { type Attributes, numberOf, textOf } from './values.ts'

export const SERVER = 2
export const CLIENT = 3
export const PRODUCER = 4
export const CONSUMER = 5
export const KIND_NAMES = ['internal', 'internal', 'server', 'client', 'producer', 'consumer'] as const

export function kindOf(name: string | undefined): number {
  const kind = KIND_NAMES.lastIndexOf(name as 'internal')
  return kind < 0 ? 0 : kind
}

/** Which families of attributes a span has, which is what its operation is told by. */
export class Traits {
  op = ''
  source = ''
  httpMethod = ''
  httpRoute = ''
  httpStatus = 0
  database = ''
  rpc = ''
  rpcStatus = -1
  messaging = ''
  generative = ''
  function = ''
  hasMessaging = false

  clear(): this {
    this.op =
      this.source =
      this.httpMethod =
      this.httpRoute =
      this.database =
      this.rpc =
      this.messaging =
      this.generative =
      this.function =
        ''
    this.httpStatus = 0
    this.rpcStatus = -1
    this.hasMessaging = false
    return this
  }

  readAll(list: readonly KeyValue[] | undefined): this {
    this.clear()
    if (list !== undefined) for (let i = 0; i < list.length; i++) this.read(list[i])
    return this
  }

  readMap(attributes: Attributes): this {
    this.clear()
    for (const [key, value] of attributes) this.read({ key, value })
    return this
  }

  // The first letters decide: most attributes are none of these.
  private read({ key, value }: KeyValue): void {
    if (key === undefined || value === undefined) return
    switch (key.charCodeAt(0)) {
      case LETTER_H:
        if (key === 'http.request.method' || key === 'http.method') this.httpMethod = textOf(value) ?? ''
        else if (key === 'http.route') this.httpRoute = textOf(value) ?? ''
        else if (key === 'http.response.status_code' || key === 'http.status_code') this.httpStatus = wholeOf(value)
        break
      case LETTER_D:
        if (key === 'db.system.name' || key === 'db.system') this.database = textOf(value) ?? ''
        break
      case LETTER_R:
        if (key === 'rpc.system.name' || key === 'rpc.system') this.rpc = textOf(value) ?? ''
        else if (key === 'rpc.grpc.status_code' || key === 'rpc.response.status_code') this.rpcStatus = rpcStatusOf(textOf(value) ?? '')
        break
      case LETTER_M:
        if (key === 'messaging.system') this.hasMessaging = true
        else if (key === 'messaging.operation.type' || key === 'messaging.operation') this.messaging = textOf(value) ?? ''
        break
      case LETTER_G:
        if (key === 'gen_ai.operation.name') this.generative = wordOf(value)
        else if (this.generative === '' && (key === 'gen_ai.request.model' || key === 'gen_ai.provider.name' || key === 'gen_ai.system'))
          this.generative = 'request'
        break
      case LETTER_F:
        if (key === 'faas.trigger' || key === 'faas.name') this.function = 'function'
        break
      case LETTER_S:
        if (key === 'sentry.op') this.op = wordOf(value)
        else if (key === 'sentry.segment.name.source' || key === 'sentry.span.source' || key === 'sentry.source')
          this.source = textOf(value) ?? ''
    }
  }
}

// What Sentry groups by: a word, and no text of any kind.
function wordOf({ stringValue = '' }: AnyValue): string {
  return WORD.test(stringValue) ? stringValue : ''
}

const WORD = /^[\w.:-]{1,64}$/

function wholeOf(value: AnyValue): number {
  const number = numberOf(value) ?? Number(textOf(value))
  return Number.isInteger(number) ? number : 0
}

function rpcStatusOf(text: string): number {
  if (/^\d{1,2}$/.test(text)) return Number(text)
  return RPC_STATUSES.indexOf(text.toLowerCase())
}

const LETTER_D = 0x64
const LETTER_F = 0x66
const LETTER_G = 0x67
const LETTER_H = 0x68
const LETTER_M = 0x6d
const LETTER_R = 0x72
const LETTER_S = 0x73

/** What kind of work a span is, in Sentry's words. https://develop.sentry.dev/sdk/telemetry/traces/span-operations/ */
export function opOf(kind: number, traits: Traits): string {
  if (traits.op !== '') return traits.op
  if (traits.generative !== '') return `gen_ai.${traits.generative}`
  if (traits.database !== '') return traits.database === 'redis' ? 'db.redis' : 'db'
  if (traits.rpc !== '') return 'rpc'
  if (traits.hasMessaging || traits.messaging !== '') return queueOp(kind, traits.messaging)
  if (traits.httpMethod !== '') return kind === SERVER ? 'http.server' : kind === CLIENT ? 'http.client' : 'http'
  if (kind === CONSUMER || kind === PRODUCER) return queueOp(kind, '')
  if (traits.function !== '' || kind < SERVER) return 'function'
  return 'default'
}

function queueOp(kind: number, operation: string): string {
  switch (operation) {
    case 'publish':
    case 'send':
    case 'create':
      return 'queue.publish'
    case 'process':
    case 'deliver':
      return 'queue.process'
    case 'receive':
      return 'queue.receive'
    case 'settle':
      return 'queue.settle'
    default:
      return kind === PRODUCER || kind === CLIENT ? 'queue.publish' : 'queue.process'
  }
}

/** What a segment's name is made of: Sentry groups by names of routes and tasks, and not by URLs. */
export function nameSourceOf(kind: number, traits: Traits): string {
  if (NAME_SOURCES.has(traits.source)) return traits.source
  if (traits.httpRoute !== '' || traits.rpc !== '') return 'route'
  if (kind === CONSUMER || traits.hasMessaging) return 'task'
  return traits.httpMethod !== '' && kind === SERVER ? 'url' : 'custom'
}

const NAME_SOURCES: ReadonlySet<string> = new Set(['custom', 'url', 'route', 'view', 'component', 'task'])

/** How the work ended, in the words that transactions have. `code` is that of the span's status. */
export function statusOf(code: number, traits: Traits): string {
  if (traits.rpcStatus > 0 && traits.rpcStatus < RPC_STATUSES.length) return RPC_STATUSES[traits.rpcStatus]
  const ofHttp = HTTP_STATUSES[traits.httpStatus]
  if (ofHttp !== undefined) return ofHttp
  if (traits.httpStatus >= 500 && traits.httpStatus < 600) return 'internal_error'
  if (traits.httpStatus >= 400 && traits.httpStatus < 500) return 'invalid_argument'
  return code === STATUS_ERROR ? 'internal_error' : 'ok'
}

export const STATUS_ERROR = 2

const HTTP_STATUSES: Readonly<Record<number, string>> = {
  401: 'unauthenticated',
  403: 'permission_denied',
  404: 'not_found',
  409: 'already_exists',
  429: 'resource_exhausted',
  499: 'cancelled',
  501: 'unimplemented',
  503: 'unavailable',
  504: 'deadline_exceeded'
}

// By code of gRPC.
const RPC_STATUSES = [
  'ok',
  'cancelled',
  'unknown_error',
  'invalid_argument',
  'deadline_exceeded',
  'not_found',
  'already_exists',
  'permission_denied',
  'resource_exhausted',
  'failed_precondition',
  'aborted',
  'out_of_range',
  'unimplemented',
  'internal_error',
  'unavailable',
  'data_loss',
  'unauthenticated'
]
