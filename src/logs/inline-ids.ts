import type { FieldReader } from './field-reader.ts'

/** Of longer lines only the beginning is searched: loggers put ids before the message, or right behind it. */
const SEARCHED_MAX = 4096
const PAIR =
  /(?<![\w.-])(trace_?id|span_?id|trace_flags|trace_sampled|dd\.trace_id|dd\.span_id|otelTraceID|otelSpanID|correlation_?id|x-correlation-id|request_?id|traceparent)[=:] ?"?([\w.:-]{1,128})/gi
// All of them end so before the value, but for traceparent.
const SIGNS = ['id=', 'ID=', 'Id=', 'id:', 'Id:', 'ID:', 'traceparent']

/** Finds ids of traces and requests that a logger's format puts into a line of text. They stay in the text too. */
export function readInlineIds(text: string, fields: FieldReader): void {
  const head = text.length > SEARCHED_MAX ? text.slice(0, SEARCHED_MAX) : text
  if (!SIGNS.some((sign) => head.includes(sign))) return
  PAIR.lastIndex = 0
  for (let found = PAIR.exec(head); found !== null; found = PAIR.exec(head)) fields.identify(found[1], found[2])
  fields.closeIds()
}
