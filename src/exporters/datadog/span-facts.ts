import { type NameSource, namesOf, type ReadText, type SpanNames } from '../../datadog/naming.ts'
import type { AnyValue, KeyValue, Span } from '../../otlp/objects.ts'
import { textOf } from './tags.ts'

const ERROR = 2

/** Attributes by key; of a key that comes twice, the last. */
export type Attributes = ReadonlyMap<string, AnyValue>

export function attributesOf(list: readonly KeyValue[] | undefined): Map<string, AnyValue> {
  const found = new Map<string, AnyValue>()
  for (const { key, value } of list ?? []) if (key !== undefined && key !== '' && value !== undefined) found.set(key, value)
  return found
}

/** What Datadog calls the span, by its attributes and those of its resource. */
export function namesIn(span: Span, own: Attributes, resource: Attributes): SpanNames {
  const read: ReadText = (...names: readonly NameSource[]) => {
    for (const name of names) {
      const text = textOf(own.get(name)) || textOf(resource.get(name))
      if (text !== undefined && text !== '') return text
    }
    return undefined
  }
  return namesOf(read, span.kind ?? 0, span.name ?? '')
}

export interface ErrorFacts {
  readonly type: string | undefined
  readonly message: string | undefined
  readonly stack: string | undefined
}

const NO_ERROR: ErrorFacts = { type: undefined, message: undefined, stack: undefined }
const ONLY_DIGITS = /^\d+$/

export function isError({ status }: Span): boolean {
  return status?.code === ERROR
}

/** What went wrong in a span that failed: what the span says of it, then its last exception, then its status. */
export function errorOf(span: Span, own: Attributes): ErrorFacts {
  if (!isError(span)) return NO_ERROR
  let exception: Attributes = own
  for (const event of span.events ?? []) if (event.name === 'exception') exception = attributesOf(event.attributes)
  const type = text(own, 'error.type')
  const thrown = text(exception, 'exception.type')
  return {
    // The conventions put the status of an HTTP answer there; who looks for an error looks for what was thrown.
    type: type === undefined || (ONLY_DIGITS.test(type) && thrown !== undefined) ? (thrown ?? type) : type,
    message:
      text(own, 'error.message') ?? text(own, 'error.msg') ?? text(exception, 'exception.message') ?? (span.status?.message || undefined),
    stack: text(own, 'error.stack') ?? text(exception, 'exception.stacktrace')
  }
}

function text(attributes: Attributes, key: string): string | undefined {
  return textOf(attributes.get(key)) || undefined
}

/** Whether a span of so many hexadecimal digits has an id that is not zero. */
export function isId(id: string | undefined): id is string {
  return id !== undefined && id !== '' && !/^0+$/.test(id)
}
