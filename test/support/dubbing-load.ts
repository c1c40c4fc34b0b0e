import { randomBytes } from 'node:crypto'
import { type Tree, toProtobuf } from './otlp-message.ts'

const SERVER = 2
const CLIENT = 3
const PRODUCER = 4
const CONSUMER = 5

interface Stage {
  readonly stage: string
  readonly model?: string
  readonly seconds: number
  /** How many begin in half a second. */
  readonly jobs: number
}

/** The stages of a platform that dubs videos, and how long each takes. */
export const STAGES: readonly Stage[] = [
  { stage: 'stt', model: 'whisper-large-v3', seconds: 0.6, jobs: 0.6 },
  { stage: 'translation', model: 'nllb-200', seconds: 0.15, jobs: 1 },
  { stage: 'tts', model: 'xtts-v2', seconds: 0.35, jobs: 0.8 },
  { stage: 'lip-sync', model: 'wav2lip-hd', seconds: 1.4, jobs: 0.5 },
  { stage: 'mux', seconds: 0.2, jobs: 0.5 }
]
export const TIERS = ['free', 'pro', 'business']
const ROUTES = ['/projects', '/projects/:id', '/videos/:id/status', '/upload']

const text = (key: string, stringValue: string): Tree => ({ key, value: { stringValue } })
const whole = (key: string, intValue: number): Tree => ({ key, value: { intValue } })
const nanos = (ms: number): string => `${Math.round(ms)}000000`

interface Part {
  readonly name: string
  readonly kind: number
  readonly seconds: number
  readonly attributes: readonly Tree[]
  readonly error?: readonly [type: string, message: string]
}

/** What the load does beside its usual work. */
export interface Mood {
  /** How many times longer everything takes. */
  readonly slow?: number
  /** One of so many requests, jobs and queries fails. */
  readonly errorEvery?: number
}

/**
 * What the backend and the workers of such a platform send: requests, queries, messages, jobs by stage and inference by model, on two GPUs, with
 * errors among them. Nothing is left to chance, so that two runs differ by their times only.
 */
export class DubbingLoad {
  private readonly http: string
  private rounds = 0
  private failing = 0
  private jobs = 0
  /** Of each stage, the jobs that are due and not begun. */
  private readonly due = STAGES.map(() => 0)

  constructor(http: string) {
    this.http = http
  }

  /** Sends what half a second of work amounts to. */
  async round({ slow = 1, errorEvery = 60 }: Mood = {}): Promise<void> {
    const nth = this.rounds++
    // Load comes and goes, as it does over a day.
    const wave = 1 + 0.6 * Math.sin(nth / 9)
    const parts = { backend: [] as Part[], worker: [] as Part[] }
    const fails = (): boolean => ++this.failing % errorEvery === 0
    const took = (seconds: number, i: number): number => seconds * slow * (0.7 + (0.6 * (((nth + i) * 7) % 11)) / 10)
    for (let i = 0; i < Math.round(12 * wave); i++) parts.backend.push(...requestParts(took(0.12, i), 13 * nth + i, fails()))
    for (const [i, each] of STAGES.entries()) {
      this.due[i] += each.jobs * wave
      for (; this.due[i] >= 1; this.due[i]--) parts.worker.push(jobPart(each, took(each.seconds, this.jobs), this.jobs++, fails()))
    }
    const nowMs = Date.now()
    await this.send('traces', {
      resourceSpans: Object.entries(parts).map(([service, each]) => ({
        resource: { attributes: [text('service.name', `dubbing-${service}`)] },
        scopeSpans: [{ spans: each.map((part) => spanOf(part, nowMs)) }]
      }))
    })
    await this.send('logs', {
      resourceLogs: [
        { resource: { attributes: [text('service.name', 'dubbing-worker')] }, scopeLogs: [{ logRecords: linesOf(nth, nowMs) }] }
      ]
    })
  }

  private async send(signal: 'traces' | 'logs', request: Tree): Promise<void> {
    const body = toProtobuf(signal, request)
    const answer = await fetch(`${this.http}/v1/${signal}`, { method: 'POST', body, headers: { 'content-type': 'application/x-protobuf' } })
    await answer.arrayBuffer()
    if (answer.status !== 200) throw new Error(`the gateway answered ${answer.status} to ${signal}`)
  }
}

function requestParts(seconds: number, i: number, failed: boolean): Part[] {
  const route = ROUTES[i % ROUTES.length]
  const error = failed ? (['SequelizeConnectionError', 'connection to 10.0.0.7 was refused'] as const) : undefined
  const status = failed ? 500 : i % 17 === 0 ? 404 : 200
  const database = [text('db.system.name', 'postgresql'), text('db.operation.name', i % 3 === 0 ? 'INSERT' : 'SELECT')]
  return [
    {
      name: `GET ${route}`,
      kind: SERVER,
      seconds,
      attributes: [
        text('http.request.method', i % 4 === 3 ? 'POST' : 'GET'),
        text('http.route', route),
        whole('http.response.status_code', status)
      ],
      ...(error === undefined ? {} : { error })
    },
    {
      name: 'query',
      kind: CLIENT,
      seconds: i % 97 === 0 ? 1.4 : seconds / 5,
      attributes: database,
      ...(error === undefined ? {} : { error })
    },
    {
      name: 'Users/Get',
      kind: CLIENT,
      seconds: 0.02,
      attributes: [
        text('rpc.system.name', 'grpc'),
        text('rpc.service', 'Users'),
        text('rpc.method', 'Get'),
        text('rpc.response.status_code', 'OK')
      ]
    },
    { name: 'enqueue', kind: PRODUCER, seconds: 0.004, attributes: messaging('send', 'stt') },
    {
      name: 'PUT',
      kind: CLIENT,
      seconds: seconds / 2,
      attributes: [text('http.request.method', 'PUT'), text('server.address', 'storage.internal'), whole('http.response.status_code', 200)]
    }
  ]
}

function jobPart({ stage, model }: Stage, seconds: number, nth: number, failed: boolean): Part {
  const error = failed ? (['torch.OutOfMemoryError', 'CUDA out of memory. Tried to allocate 20.00 MiB.'] as const) : undefined
  const attributes = [text('stage', stage), text('tier', TIERS[nth % TIERS.length]), ...messaging('process', stage)]
  if (model !== undefined) attributes.push(text('gen_ai.request.model', model), whole('gpu.index', nth % 2))
  return { name: `job ${stage}`, kind: CONSUMER, seconds, attributes, ...(error === undefined ? {} : { error }) }
}

const messaging = (operation: string, queue: string): Tree[] => [
  text('messaging.system', 'redis'),
  text('messaging.destination.name', queue),
  text('messaging.operation.type', operation)
]

function spanOf({ name, kind, seconds, attributes, error }: Part, nowMs: number): Tree {
  const exception = error === undefined ? [] : [exceptionAt(nowMs, error)]
  return {
    ...{ traceId: randomBytes(16), spanId: randomBytes(8), name, kind, attributes, events: exception },
    ...{ startTimeUnixNano: nanos(nowMs - seconds * 1000), endTimeUnixNano: nanos(nowMs) },
    ...(error === undefined ? {} : { status: { code: 2, message: error[1] } })
  }
}

const exceptionAt = (nowMs: number, [type, message]: readonly [string, string]): Tree => ({
  timeUnixNano: nanos(nowMs),
  name: 'exception',
  attributes: [text('exception.type', type), text('exception.message', message)]
})

function linesOf(nth: number, nowMs: number): Tree[] {
  const line = (severityNumber: number, body: string, attributes: Tree[] = []): Tree => ({
    timeUnixNano: nanos(nowMs),
    severityNumber,
    body: { stringValue: body },
    attributes
  })
  return [
    line(9, `round ${nth} started`, [text('correlationId', `req-${nth}`)]),
    line(9, `signed in with password=hunter2-${nth}-secret and token=ghp_${'a1B2c3D4e5F6'.repeat(3)}`),
    ...(nth % 8 === 0 ? [line(17, 'upload failed', [text('exception.type', 'S3Error'), text('exception.message', 'no such bucket')])] : [])
  ]
}
