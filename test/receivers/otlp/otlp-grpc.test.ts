import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { type ChannelCredentials, Client, compressionAlgorithms, credentials, type Metadata, type ServiceError } from '@grpc/grpc-js'
import { RefusedError } from '../../../src/errors.ts'
import { bytes, empty, logs, spans, started } from './support.ts'

const NAMES = {
  traces: 'opentelemetry.proto.collector.trace.v1.TraceService',
  metrics: 'opentelemetry.proto.collector.metrics.v1.MetricsService',
  logs: 'opentelemetry.proto.collector.logs.v1.LogsService',
  profiles: 'opentelemetry.proto.collector.profiles.v1development.ProfilesService'
}
const EXPORT = `/${NAMES.traces}/Export`

interface Answer {
  code: number
  details: string
  body: Buffer | undefined
  metadata: Metadata | undefined
}

const same = (message: Buffer): Buffer => message
const LARGE = { 'grpc.max_send_message_length': -1 }

/** One call by grpc-js, the client inside the OpenTelemetry SDK. */
async function call(
  address: string,
  path: string,
  message: Buffer,
  { deadlineMs = 60_000, options = {}, secrets = credentials.createInsecure() as ChannelCredentials } = {}
): Promise<Answer> {
  const client = new Client(address, secrets, { ...LARGE, ...options })
  try {
    return await new Promise((resolve) => {
      client.makeUnaryRequest(
        path,
        same,
        same,
        message,
        { deadline: Date.now() + deadlineMs },
        (error: ServiceError | null, body?: Buffer) =>
          resolve({ code: error?.code ?? 0, details: error?.details ?? '', body, metadata: error?.metadata })
      )
    })
  } finally {
    client.close()
  }
}

test('each signal is taken by its service', async (t) => {
  const { grpc, batches } = await started(t, { http: 'off', grpc: '127.0.0.1:0' })
  const f = async (signal: keyof typeof NAMES, message: Buffer, items: number, options = {}): Promise<void> => {
    const { code, body } = await call(grpc[0], `/${NAMES[signal]}/Export`, message, { options })
    deepStrictEqual([code, body?.length], [0, 0])
    const batch = batches.pop()
    deepStrictEqual([batch?.signal, batch?.items, batch?.bytes.length], [signal, items, message.length])
    strictEqual(batch?.sender, '127.0.0.1')
  }
  await f('traces', spans(3), 3)
  await f('traces', spans(100_000), 100_000)
  await f('logs', logs(2), 2)
  await f('metrics', bytes.metrics(1), 1)
  await f('profiles', bytes.profiles(4), 4)
  await f('traces', spans(500), 500, { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip })
  await f('traces', spans(100_000), 100_000, { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip })
  await f('logs', logs(500), 500, { 'grpc.default_compression_algorithm': compressionAlgorithms.deflate })
  strictEqual((await call(grpc[0], EXPORT, empty())).code, 0)
  strictEqual((await call(grpc[0], EXPORT, Buffer.alloc(0))).code, 0)
  strictEqual(batches.length, 0)
})

test('a refusal has the status, and the details, that its sender acts on', async (t) => {
  const f = async (error: unknown, code: number, details: string, detail: RegExp): Promise<void> => {
    const { grpc } = await started(t, { http: 'off', grpc: '127.0.0.1:0' }, () => Promise.reject(error))
    const answer = await call(grpc[0], EXPORT, spans(1))
    deepStrictEqual([answer.code, answer.details], [code, details])
    match(String(answer.metadata?.get('grpc-status-details-bin')[0]), detail)
  }
  const retry = /RetryInfo/
  await f(new RefusedError('overloaded', 'the queue is full', { retryAfterMs: 5000 }), 14, 'the queue is full', retry)
  await f(new RefusedError('busy', 'ünd 100 %'), 8, 'ünd 100 %', retry)
  await f(new RefusedError('unavailable', 'stopping'), 14, 'stopping', retry)
  await f(new RefusedError('invalid', 'wrong'), 3, 'wrong', /BadRequest/)
  await f(new TypeError('secret: hunter2'), 13, 'a fault of the gateway', /^(?!.*hunter2)/)
})

test('what cannot be taken is refused', async (t) => {
  const { grpc, batches, counted } = await started(t, { http: 'off', grpc: '127.0.0.1:0', requestMax: '10KiB' })
  const f = async (path: string, message: Buffer, code: number, details: RegExp, options = {}): Promise<void> => {
    const answer = await call(grpc[0], path, message, { options })
    strictEqual(answer.code, code)
    match(answer.details, details)
    strictEqual(String(answer.metadata?.get('grpc-status-details-bin')[0]).includes('RetryInfo'), false)
  }
  await f(EXPORT, spans(1).subarray(0, -1), 3, /^traces: /)
  await f(EXPORT, spans(2000), 8, /larger than 10240 bytes/)
  await f(EXPORT, Buffer.alloc(8e6), 8, /larger than 10240 bytes/, { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip })
  await f('/opentelemetry.proto.collector.trace.v1.TraceService/Import', spans(1), 12, /not served here/)
  strictEqual(batches.length, 0)
  deepStrictEqual(counted('sluice_receiver_refused_requests_total'), { invalid: 1, 'too-large': 2, 'unknown-method': 1 })
})

test('a caller is answered within its deadline', async (t) => {
  let finish = (): void => undefined
  const { grpc } = await started(t, { http: 'off', grpc: '127.0.0.1:0' }, () => new Promise((resolve) => (finish = resolve)))
  const { code } = await call(grpc[0], EXPORT, spans(1), { deadlineMs: 200 })
  strictEqual(code, 4)
  finish()
})

test('health is told', async (t) => {
  const { grpc } = await started(t, { http: 'off', grpc: '127.0.0.1:0' })
  const f = async (service: string, code: number, body: number[] | undefined): Promise<void> => {
    const answer = await call(
      grpc[0],
      '/grpc.health.v1.Health/Check',
      Buffer.concat([Buffer.from([0x0a, service.length]), Buffer.from(service)])
    )
    deepStrictEqual([answer.code, answer.body && [...answer.body]], [code, body])
  }
  await f('', 0, [8, 1])
  for (const name of Object.values(NAMES)) await f(name, 0, [8, 1])
  await f('someone.else', 5, undefined)
})

test('many calls on one connection are all answered', async (t) => {
  const { grpc, batches } = await started(t, { http: 'off', grpc: '127.0.0.1:0' })
  const client = new Client(grpc[0], credentials.createInsecure())
  const answers = Array.from(
    { length: 500 },
    () => new Promise((resolve) => client.makeUnaryRequest(EXPORT, same, same, spans(50), (error: ServiceError | null) => resolve(error)))
  )
  deepStrictEqual(new Set(await Promise.all(answers)), new Set([null]))
  strictEqual(batches.length, 500)
  ok(batches.every(({ items }) => items === 50))
  client.close()
})
