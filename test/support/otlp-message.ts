import { type OtlpSignal, SHAPES } from '../../src/otlp/signal.ts'
import { judge } from '../fuzz/proto.ts'

// biome-ignore lint/suspicious/noExplicitAny: a request as a tree, in the names of the JSON mapping, ids and bytes as Buffers
export type Tree = any

/** A request as a full protobuf encoder writes it, which is not ours. */
export function toProtobuf(signal: OtlpSignal, request: Tree): Buffer {
  const type = judge(SHAPES[signal].request)
  return Buffer.from(type.encode(type.fromObject(request)).finish())
}

/** The same request in the JSON mapping: ids in hex, other bytes in base64. */
export function toJson(request: Tree): string {
  return JSON.stringify(jsonOf('', request))
}

function jsonOf(key: string, value: Tree): Tree {
  if (value instanceof Uint8Array) return Buffer.from(value).toString(/Id$/.test(key) ? 'hex' : 'base64')
  if (Array.isArray(value)) return value.map((each) => jsonOf(key, each))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, jsonOf(name, inner)]))
}

/** Gives a text for each place where a request may carry one. */
export interface Planter {
  /** A text that tells itself; `place` says where it goes. */
  text(place: string): string
  /** A text that only the key beside it tells. */
  word(place: string): string
}

const TIME = '1700000000000000000'
const string = (stringValue: string): Tree => ({ stringValue })
const pair = (key: string, value: Tree): Tree => ({ key, value })

/** Attributes with something planted as value, as key, and at several depths, as text, JSON text, list, map and bytes. */
export function plantedAttributes(planter: Planter, place: string): Tree[] {
  const { text, word } = planter
  const list = {
    arrayValue: { values: [string(text(`${place} list`)), { arrayValue: { values: [string(text(`${place} list of lists`))] } }] }
  }
  const deep = {
    kvlistValue: {
      values: [pair('inner', { kvlistValue: { values: [pair(`of ${text(`${place} deep key`)}`, string(text(`${place} deep value`)))] } })]
    }
  }
  return [
    pair('note', string(`refused ${text(`${place} value`)} again`)),
    pair(`header ${text(`${place} key`)}`, { intValue: 1 }),
    pair('list', list),
    pair('map', deep),
    pair('bytes', { bytesValue: Buffer.from(`sent ${text(`${place} bytes`)} there`) }),
    pair('json', string(JSON.stringify({ sent: [{ with: text(`${place} JSON text`) }], login: { password: word(`${place} JSON text`) } }))),
    pair('db.password', string(word(`${place} password`))),
    pair('options', { kvlistValue: { values: [pair('api_key', string(word(`${place} map`)))] } })
  ]
}

function envelope(planter: Planter, signal: OtlpSignal, records: Tree[]): Tree {
  const { text } = planter
  const [entries, scopes, list] = {
    traces: ['resourceSpans', 'scopeSpans', 'spans'],
    logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
    metrics: ['resourceMetrics', 'scopeMetrics', 'metrics'],
    profiles: ['resourceProfiles', 'scopeProfiles', 'profiles']
  }[signal]
  const place = (what: string): string => `${signal} ${what}`
  const resource = {
    attributes: [pair('service.name', string('worker')), ...plantedAttributes(planter, place('resource'))],
    entityRefs: [
      {
        schemaUrl: `https://schemas.example/${text(place('entity schema'))}`,
        type: `host ${text(place('entity type'))}`,
        idKeys: [`id ${text(place('entity id key'))}`],
        descriptionKeys: [`about ${text(place('entity description key'))}`]
      }
    ]
  }
  const scope = {
    name: `lib ${text(place('scope name'))}`,
    version: `1.0 ${text(place('scope version'))}`,
    attributes: plantedAttributes(planter, place('scope'))
  }
  const schemaUrl = `https://schemas.example/${text(place('scope schema'))}`
  return {
    [entries]: [
      {
        resource,
        [scopes]: [{ scope, [list]: records, schemaUrl }],
        schemaUrl: `https://schemas.example/${text(place('resource schema'))}`
      }
    ]
  }
}

/** One request of a signal with something planted in every place that can carry a text. `id` makes its spans differ from others. */
export function plantedRequest(signal: OtlpSignal, planter: Planter, id = 1): Tree {
  return envelope(planter, signal, RECORDS[signal](planter, id))
}

const RECORDS: Record<OtlpSignal, (planter: Planter, id: number) => Tree[]> = { traces: spans, logs, metrics, profiles: () => [{}] }

function spans(planter: Planter, id: number): Tree[] {
  const { text, word } = planter
  const ids = { traceId: Buffer.alloc(16, id + 0x80), spanId: Buffer.alloc(8, id) }
  return [
    {
      ...ids,
      traceState: `vendor=${text('span tracestate')}`,
      name: `GET ${text('span name')}`,
      kind: 2,
      startTimeUnixNano: TIME,
      endTimeUnixNano: TIME,
      attributes: [
        pair('http.request.method', string('GET')),
        pair('http.route', string(`/projects with ${text('span route')}`)),
        pair('url.full', string(`https://api.example/x?token=${word('span url')}&page=1`)),
        ...plantedAttributes(planter, 'span')
      ],
      events: [
        { timeUnixNano: TIME, name: `exception ${text('event name')}`, attributes: plantedAttributes(planter, 'event') },
        {
          timeUnixNano: TIME,
          name: 'exception',
          attributes: [pair('exception.stacktrace', string(`at f\n  password=${word('stack')}\n at g`))]
        }
      ],
      links: [{ ...ids, traceState: `other=${text('link tracestate')}`, attributes: plantedAttributes(planter, 'link') }],
      status: { code: 2, message: `upstream said ${text('status message')}` }
    }
  ]
}

function logs(planter: Planter, id: number): Tree[] {
  const { text, word } = planter
  const bodies: Tree[] = [
    string(`could not log in with ${text('log body')}`),
    string(JSON.stringify({ level: 'info', detail: { header: text('log body JSON'), password: word('log body JSON') } })),
    string(JSON.stringify({ message: JSON.stringify({ secret: word('log body JSON in JSON'), sent: text('log body JSON in JSON') }) })),
    { kvlistValue: { values: plantedAttributes(planter, 'log body map') } },
    { arrayValue: { values: [string(text('log body list'))] } },
    { bytesValue: Buffer.from(`raw ${text('log body bytes')}`) }
  ]
  return bodies.map((body, i) => ({
    timeUnixNano: TIME,
    severityNumber: 9,
    severityText: `INFO ${text('log severity')}`,
    body,
    attributes: plantedAttributes(planter, 'log'),
    eventName: `login ${text('log event name')}`,
    traceId: Buffer.alloc(16, id + 0x80 + i),
    spanId: Buffer.alloc(8, id)
  }))
}

function metrics(planter: Planter): Tree[] {
  const { text } = planter
  const point = (place: string): Tree => ({
    startTimeUnixNano: TIME,
    timeUnixNano: TIME,
    attributes: plantedAttributes(planter, place)
  })
  const exemplars = (place: string): Tree[] => [
    {
      timeUnixNano: TIME,
      asDouble: 1,
      traceId: Buffer.alloc(16, 0x8a),
      spanId: Buffer.alloc(8, 3),
      filteredAttributes: plantedAttributes(planter, `${place} exemplar`)
    }
  ]
  const histogram = { count: '1', sum: 1, bucketCounts: ['0', '1'], explicitBounds: [0.5] }
  const data: Record<string, Tree> = {
    gauge: { dataPoints: [{ ...point('gauge'), asDouble: 1, exemplars: exemplars('gauge') }] },
    sum: { dataPoints: [{ ...point('sum'), asInt: '1', exemplars: exemplars('sum') }], aggregationTemporality: 2, isMonotonic: true },
    histogram: { dataPoints: [{ ...point('histogram'), ...histogram, exemplars: exemplars('histogram') }], aggregationTemporality: 2 },
    exponentialHistogram: {
      dataPoints: [
        {
          ...point('exponential'),
          count: '1',
          sum: 1,
          scale: 0,
          zeroCount: '0',
          positive: { offset: 0, bucketCounts: ['1'] },
          exemplars: exemplars('exponential')
        }
      ],
      aggregationTemporality: 2
    },
    summary: { dataPoints: [{ ...point('summary'), count: '1', sum: 1, quantileValues: [{ quantile: 0.5, value: 1 }] }] }
  }
  return Object.entries(data).map(([kind, value]) => ({
    name: `calls ${text(`${kind} name`)}`,
    description: `Calls with ${text(`${kind} description`)}.`,
    unit: `{${text(`${kind} unit`)}}`,
    metadata: plantedAttributes(planter, `${kind} metadata`),
    [kind]: value
  }))
}
