// The requests that all benchmarks send: spans and log records as the workers of a media platform write them, different from one another, and every
// one of a trace of its own kind. Made with a fixed seed, so that every run sends the same.
import { encode } from '../../src/otlp/encode.ts'
import type { Draft, KeyValue, LogRecord, Span } from '../../src/otlp/objects.ts'
import { walkRecords } from '../../src/otlp/request.ts'
import { Fields } from '../../src/otlp/wire.ts'

const SPANS_PER_TRACE = 8
/** One of so many spans and records is an error; sampling keeps those. */
const ERROR_EVERY = 100
/** One of so many lines of log holds a secret. */
const SECRET_EVERY = 500

/** Numbers that look random and are the same in every run. */
class Dice {
  private state: number

  constructor(seed: number) {
    this.state = Math.imul(seed, 0x9e37_79b1) | 1
  }

  next(): number {
    let x = this.state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.state = x
    return x >>> 0
  }

  below(limit: number): number {
    return this.next() % limit
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]
  }

  hex(digits: number): string {
    let text = ''
    while (text.length < digits) text += this.next().toString(16).padStart(8, '0')
    return text.slice(0, digits)
  }

  uuid(): string {
    return `${this.hex(8)}-${this.hex(4)}-4${this.hex(3)}-a${this.hex(3)}-${this.hex(12)}`
  }
}

const STAGES = ['stt', 'translation', 'tts', 'lip-sync', 'mux']
const MODELS = ['whisper-large-v3', 'nllb-200-3.3B', 'xtts-v2', 'wav2lip-gan', 'seamless-m4t-v2']
const ROUTES = ['/v1/projects/{id}', '/v1/projects/{id}/jobs', '/v1/voices', '/v1/uploads/{upload}/parts', '/healthz']
const TABLES = ['jobs', 'projects', 'segments', 'voices']
const MESSAGES = [
  'stage finished without warnings, handing over to mux',
  'loaded checkpoint from s3://models/whisper-large-v3/rev-7.bin',
  'generated 311 tokens in 4.2 s, max_tokens=1024',
  'segment 12 of 80 processed with beam width 5 and temperature 0.2',
  'GET http://models.render.svc:9000/v2/models/ready 200',
  'worker heartbeat, 3 jobs waiting'
]
const CORRELATION_ID = 'correlation.id'
const UUID_CHARACTERS = 36
const START_MS = 1_760_000_000_000
const SPAN_MS_MAX = 2_000
/** All spans of a request lie within this time. */
export const SPREAD_MS = Math.ceil(2 ** 32 / 1e6) + SPAN_MS_MAX

const text = (key: string, stringValue: string): Draft<KeyValue> => ({ key, value: { stringValue } })
const integer = (key: string, intValue: number): Draft<KeyValue> => ({ key, value: { intValue } })

const RESOURCE = {
  attributes: [
    text('service.name', 'dubbing-worker'),
    text('service.version', '2.14.3'),
    text('service.namespace', 'media'),
    text('k8s.pod.name', 'dubbing-worker-7c9d8f6b5-x2v9q'),
    text('k8s.namespace.name', 'production'),
    text('telemetry.sdk.name', 'opentelemetry'),
    text('telemetry.sdk.language', 'nodejs'),
    text('telemetry.sdk.version', '2.1.0')
  ]
}
const SCOPE = { name: '@opentelemetry/instrumentation-http', version: '0.211.0' }

/** One request of so many spans, of 700 bytes each or so, of the SPREAD_MS from `startMs` on. */
export function traceRequest(spans: number, seed: number, startMs = START_MS): Buffer {
  const dice = new Dice(seed)
  return encode('ExportTraceServiceRequest', {
    resourceSpans: [
      { resource: RESOURCE, scopeSpans: [{ scope: SCOPE, spans: Array.from({ length: spans }, () => spanOf(dice, startMs)) }] }
    ]
  })
}

/** One request of so many log records: lines of JSON, as loggers write them. */
export function logRequest(records: number, seed: number): Buffer {
  const dice = new Dice(seed)
  return encode('ExportLogsServiceRequest', {
    resourceLogs: [{ resource: RESOURCE, scopeLogs: [{ scope: SCOPE, logRecords: Array.from({ length: records }, () => recordOf(dice)) }] }]
  })
}

/** So many lines of JSON, as loggers write them. */
export function logLines(count: number, seed: number): string[] {
  const dice = new Dice(seed)
  return Array.from({ length: count }, () => logLine(dice))
}

function spanOf(dice: Dice, startMs: number): Draft<Span> {
  const startUnixNano = BigInt(startMs) * 1_000_000n + BigInt(dice.next())
  const isError = dice.below(ERROR_EVERY) === 0
  const { name, kind, attributes } = dice.pick(SORTS)(dice)
  return {
    traceId: dice.hex(32),
    spanId: dice.hex(16),
    parentSpanId: dice.hex(16),
    name,
    kind,
    startTimeUnixNano: startUnixNano,
    endTimeUnixNano: startUnixNano + BigInt(dice.below(SPAN_MS_MAX * 1_000_000)),
    attributes: [
      ...attributes,
      text('correlation.id', dice.uuid()),
      text('project.id', `p_${dice.hex(12)}`),
      text('user.id', `u_${dice.hex(12)}`),
      integer('thread.id', dice.below(64)),
      text('host.name', `render-${dice.below(40)}`),
      text('tenant.tier', dice.pick(['free', 'pro', 'studio'])),
      text('cloud.availability_zone', 'eu-central-1b')
    ],
    status: isError ? { code: 2, message: 'the backend did not answer in time' } : {}
  }
}

const SORTS: readonly ((dice: Dice) => { name: string; kind: number; attributes: Draft<KeyValue>[] })[] = [
  (dice) => {
    const route = dice.pick(ROUTES)
    return {
      name: `GET ${route}`,
      kind: 2,
      attributes: [
        text('http.request.method', 'GET'),
        text('http.route', route),
        text('url.path', route.replace('{id}', dice.hex(12))),
        text('url.scheme', 'https'),
        integer('http.response.status_code', dice.pick([200, 200, 200, 204, 404])),
        text('server.address', 'api.media.example'),
        integer('server.port', 443),
        text('client.address', `10.1.${dice.below(256)}.${dice.below(256)}`),
        text('user_agent.original', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36'),
        text('network.protocol.version', '1.1')
      ]
    }
  },
  (dice) => ({
    name: 'POST',
    kind: 3,
    attributes: [
      text('http.request.method', 'POST'),
      text('url.full', `http://models.render.svc:9000/v2/models/${dice.pick(MODELS)}/infer?batch=${dice.below(64)}`),
      text('server.address', 'models.render.svc'),
      integer('server.port', 9000),
      integer('http.response.status_code', 200),
      integer('http.request.body.size', dice.below(5_000_000)),
      integer('http.response.body.size', dice.below(5_000_000)),
      text('network.protocol.version', '1.1'),
      text('network.peer.address', `10.2.${dice.below(256)}.${dice.below(256)}`),
      text('peer.service', 'model-server'),
      text('deployment.environment.name', 'production')
    ]
  }),
  (dice) => {
    const table = dice.pick(TABLES)
    return {
      name: `SELECT ${table}`,
      kind: 3,
      attributes: [
        text('db.system.name', 'postgresql'),
        text('db.namespace', 'media'),
        text('db.collection.name', table),
        text('db.operation.name', 'SELECT'),
        text(
          'db.query.text',
          `SELECT id, state, updated_at FROM ${table} WHERE project_id = $1 AND state = $2 ORDER BY updated_at LIMIT 50`
        ),
        text('server.address', 'db-primary.media.svc'),
        integer('server.port', 5432),
        integer('db.response.returned_rows', dice.below(50))
      ]
    }
  },
  (dice) => {
    const stage = dice.pick(STAGES)
    return {
      name: `stage ${stage}`,
      kind: 1,
      attributes: [
        text('stage', stage),
        text('model', dice.pick(MODELS)),
        text('job.id', dice.uuid()),
        text('job.queue', 'gpu-default'),
        integer('job.attempt', 1 + dice.below(3)),
        integer('gpu.index', 0),
        text('gpu.name', 'NVIDIA L40S'),
        integer('media.duration_ms', dice.below(600_000)),
        text('media.language.source', 'en-US'),
        text('media.language.target', dice.pick(['de-DE', 'ja-JP', 'es-MX', 'pt-BR'])),
        integer('gen_ai.usage.input_tokens', dice.below(4000)),
        integer('gen_ai.usage.output_tokens', dice.below(4000))
      ]
    }
  }
]

function recordOf(dice: Dice): Draft<LogRecord> {
  return {
    timeUnixNano: BigInt(START_MS) * 1_000_000n + BigInt(dice.next()),
    severityNumber: dice.below(ERROR_EVERY) === 0 ? 17 : 9,
    severityText: 'info',
    body: { stringValue: logLine(dice) },
    attributes: [text('stage', dice.pick(STAGES)), text('log.logger', 'worker')],
    traceId: dice.hex(32),
    spanId: dice.hex(16)
  }
}

function logLine(dice: Dice): string {
  const message = dice.below(SECRET_EVERY) === 0 ? `login with password=${dice.hex(12)} refused` : dice.pick(MESSAGES)
  return JSON.stringify({
    level: 'info',
    time: new Date(1_760_000_000_000 + dice.below(1_000_000_000)).toISOString(),
    message,
    correlationId: dice.uuid(),
    userId: `u_${dice.hex(8)}`,
    projectId: `p_${dice.hex(8)}`,
    stage: dice.pick(STAGES),
    model: dice.pick(MODELS),
    duration: dice.below(9000),
    gpu: { index: dice.below(8), name: 'NVIDIA L40S', memoryUsed: dice.below(48_000_000), utilization: dice.below(100) },
    trace_id: dice.hex(32),
    span_id: dice.hex(16),
    host: `dubbing-worker-7c9d8f6b5-${dice.hex(5)}`
  })
}

/** A request to be sent many times, each time with new trace ids, and correlation ids if it has any: eight spans share one. Costs far less than sending it. */
export class Template {
  private readonly bytes: Buffer
  private readonly traceIds: number[] = []
  private readonly correlationIds: number[] = []
  private readonly dice: Dice

  constructor(bytes: Buffer, seed: number) {
    this.bytes = bytes
    this.dice = new Dice(seed)
    const fields = new Fields()
    walkRecords(bytes, {
      record: (_bytes, start, end) => {
        fields.open(bytes, start, end)
        while (fields.next()) if (fields.number === 1 && fields.end - fields.start === 16) this.traceIds.push(fields.start)
      }
    })
    // `write` makes the other half.
    for (const [i, at] of this.traceIds.entries()) {
      const first = this.traceIds[i - (i % SPANS_PER_TRACE)]
      bytes.copy(bytes, at, first, first + 8)
    }
    // KeyValue { key = 1, value = 2 }, AnyValue { string_value = 1 }: behind the key are two tags and two lengths.
    for (let at = bytes.indexOf(CORRELATION_ID); at >= 0; at = bytes.indexOf(CORRELATION_ID, at + 1))
      this.correlationIds.push(at + CORRELATION_ID.length + 4)
    for (const [i, at] of this.correlationIds.entries()) {
      const first = this.correlationIds[i - (i % SPANS_PER_TRACE)]
      bytes.copy(bytes, at, first, first + UUID_CHARACTERS)
    }
  }

  get length(): number {
    return this.bytes.length
  }

  /** Writes the next request into memory of at least `length` bytes, and returns it. */
  write(into: Buffer): Buffer {
    const { bytes, traceIds, correlationIds, dice } = this
    bytes.copy(into)
    let [a, b] = [0, 0]
    for (let i = 0; i < traceIds.length; i++) {
      if (i % SPANS_PER_TRACE === 0) [a, b] = [dice.next(), dice.next()]
      into.writeUInt32LE(a, traceIds[i] + 8)
      into.writeUInt32LE(b, traceIds[i] + 12)
      if (i < correlationIds.length) into.write((a >>> 0).toString(16).padStart(8, '0'), correlationIds[i], 'latin1')
    }
    return into.subarray(0, bytes.length)
  }
}
