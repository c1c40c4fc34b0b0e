import { isUtf8 } from 'node:buffer'
import { CLOSE_ARRAY, CLOSE_OBJECT, COMMA, JsonScanner, OPEN_ARRAY, OPEN_OBJECT, QUOTE } from '../../otlp/json-scanner.ts'
import { type Labels, readLabels } from './loki-labels.ts'
import type { LokiRecords } from './loki-records.ts'

/** What nobody asked for may be nested so deep. */
const DEPTH_MAX = 64

const scanner = new JsonScanner()

/**
 * Reads a push in JSON: {"streams": [{"stream": {name: value}, "values": [[nanoseconds, line, {name: value}?]]}]}, and as the first Loki had it:
 * {"labels": text, "entries": [{"ts": RFC 3339, "line": text}]} for a stream. Reads token by token, so that a body takes no more memory than its
 * records. Throws JsonFault, LabelFault, or RefusedError.
 */
export function readLokiJson(body: Buffer, records: LokiRecords): void {
  scanner.open(isUtf8(body) ? body : Buffer.from(body.toString('utf8')))
  try {
    members((key) => {
      if (key === 'streams') items(() => readStream(records))
      else scanner.skip(DEPTH_MAX)
    })
    if (scanner.peek() !== 0) throw scanner.unexpected('the end of the text')
  } finally {
    scanner.close()
  }
}

// The labels may come behind what they are labels of; that is passed over then, and read afterwards.
function readStream(records: LokiRecords): void {
  let valuesAt = -1
  let entriesAt = -1
  records.labels.clear()
  members((key) => {
    if (key === 'stream') readPairs(records.labels)
    else if (key === 'labels') readLabels(text('a text of labels'), records.labels)
    else {
      scanner.peek()
      if (key === 'values') valuesAt = scanner.pos
      if (key === 'entries') entriesAt = scanner.pos
      scanner.skip(DEPTH_MAX)
    }
  })
  records.begin()
  const end = scanner.pos
  if (valuesAt >= 0) {
    scanner.pos = valuesAt
    items(() => readValue(records))
  }
  if (entriesAt >= 0) {
    scanner.pos = entriesAt
    items(() => readEntry(records))
  }
  scanner.pos = end
}

function readValue(records: LokiRecords): void {
  scanner.expect(OPEN_ARRAY)
  const time = scanner.peek() === QUOTE ? text('a time') : number()
  scanner.expect(COMMA)
  const line = text('a line')
  if (scanner.take(COMMA)) readPairs(records.metadata)
  scanner.expect(CLOSE_ARRAY)
  records.addAt(line, time)
}

function readEntry(records: LokiRecords): void {
  let timeMs = 0
  let line = ''
  members((key) => {
    if (key === 'ts' || key === 'timestamp') timeMs = Date.parse(text('a time')) || 0
    else if (key === 'line') line = text('a line')
    else scanner.skip(DEPTH_MAX)
  })
  records.add(line, timeMs, 0)
}

// Values that are no texts stand for themselves.
function readPairs(labels: Labels): void {
  scanner.expect(OPEN_OBJECT)
  if (scanner.take(CLOSE_OBJECT)) return
  do {
    scanner.key()
    const name = scanner.token()
    if (scanner.peek() === QUOTE) labels.add(name, text('a text'))
    else {
      const start = scanner.pos
      scanner.skip(DEPTH_MAX)
      labels.add(name, scanner.text.toString('utf8', start, scanner.pos))
    }
  } while (scanner.take(COMMA))
  scanner.expect(CLOSE_OBJECT)
}

function members(use: (key: string) => void): void {
  scanner.expect(OPEN_OBJECT)
  if (scanner.take(CLOSE_OBJECT)) return
  do {
    scanner.key()
    use(scanner.token())
  } while (scanner.take(COMMA))
  scanner.expect(CLOSE_OBJECT)
}

function items(use: () => void): void {
  scanner.expect(OPEN_ARRAY)
  if (scanner.take(CLOSE_ARRAY)) return
  do use()
  while (scanner.take(COMMA))
  scanner.expect(CLOSE_ARRAY)
}

function text(expected: string): string {
  if (scanner.peek() !== QUOTE) throw scanner.unexpected(expected)
  scanner.string()
  return scanner.token()
}

function number(): string {
  scanner.peek()
  scanner.number()
  return scanner.token()
}
