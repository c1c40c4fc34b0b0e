// What the walk does with each field of each message of OTLP, made of the schema.
import { type Field, MESSAGES, type MessageName } from '../../otlp/schema.ts'
import type { Place } from './policy.ts'

// What to do with a length-delimited field, by its number.
export const UNKNOWN = 0
export const SKIP = 1
export const TEXT = 2
export const TRACE_STATE = 3
export const MESSAGE = 4
export const ATTRIBUTE = 5
export const PAYLOAD = 6

/** The fields of one message. */
export class Layout {
  readonly actions: number[] = []
  readonly children: (Layout | undefined)[] = []
  /** Where the texts of a field stand, for the counters; undefined where that is said further out. */
  readonly places: (Place | undefined)[] = []

  action(number: number): number {
    return this.actions[number] ?? UNKNOWN
  }
}

const PLACES: Partial<Record<MessageName, Place>> = {
  Resource: 'resource',
  Scope: 'scope',
  SpanEvent: 'event',
  SpanLink: 'link',
  Status: 'status',
  Exemplar: 'exemplar',
  Opaque: 'profile',
  NumberDataPoint: 'label',
  HistogramDataPoint: 'label',
  ExponentialHistogramDataPoint: 'label',
  SummaryDataPoint: 'label'
}
/** Messages of which each text is of its own place. */
const RECORDS = new Set<MessageName>(['Span', 'LogRecord', 'Metric', 'ResourceSpans', 'ScopeSpans', 'ResourceLogs', 'ScopeLogs'])

const layouts = new Map<MessageName, Layout>()

/** The layout of a message; the same one each time. */
export function layoutOf(name: MessageName): Layout {
  const known = layouts.get(name)
  if (known !== undefined) return known
  const layout = new Layout()
  layouts.set(name, layout)
  for (const [jsonName, field] of Object.entries(MESSAGES[name])) {
    layout.actions[field.number] = actionOf(jsonName, field)
    layout.places[field.number] = placeOf(name, jsonName, field)
    if (field.message !== undefined) layout.children[field.number] = childOf(name, field.message)
  }
  return layout
}

function actionOf(jsonName: string, { scalar, message }: Field): number {
  if (message !== undefined) return message === 'KeyValue' ? ATTRIBUTE : MESSAGE
  if (jsonName === 'traceState') return TRACE_STATE
  return scalar === 'string' || scalar === 'bytes' ? TEXT : SKIP
}

function placeOf(parent: MessageName, jsonName: string, { scalar, message }: Field): Place | undefined {
  if (jsonName === 'body') return 'body'
  if (jsonName === 'traceState') return 'tracestate'
  if (message !== undefined && PLACES[message] !== undefined) return PLACES[message]
  if (!RECORDS.has(parent)) return undefined
  return message === 'KeyValue' ? 'attribute' : scalar === 'string' ? 'name' : undefined
}

function childOf(parent: MessageName, message: MessageName): Layout {
  if (message !== 'Opaque') return layoutOf(message)
  return parent === 'ScopeProfiles' ? PROFILE : DICTIONARY
}

export const ANY_VALUE = layoutOf('AnyValue')
export const ARRAY = layoutOf('ArrayValue')
export const KEY_VALUES = layoutOf('KeyValueList')
export const SCOPE_LOGS = layoutOf('ScopeLogs')
export const RESOURCE_LOGS = layoutOf('ResourceLogs')

// The wire (v1development, whose numbers still move): ProfilesDictionary { mapping, location, function, link tables = 1 to 4, repeated string
// string_table = 5, repeated attribute attribute_table = 6, stack_table or attribute_units = 7 }. The first four and the last hold numbers.
export const DICTIONARY = new Layout()
DICTIONARY.actions.push(UNKNOWN, SKIP, SKIP, SKIP, SKIP, TEXT, ATTRIBUTE, SKIP)
// Profile: everything is numbers and indices, but for original_payload and its format, which have stood at 9 to 13.
export const PROFILE = new Layout()
PROFILE.actions.push(UNKNOWN, SKIP, SKIP, SKIP, SKIP, SKIP, SKIP, SKIP, SKIP, PAYLOAD, PAYLOAD, PAYLOAD, PAYLOAD, PAYLOAD)
