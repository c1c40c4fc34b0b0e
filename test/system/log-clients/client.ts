// Logs COUNT lines through one client: client.ts MODULES CLIENT HTTP FLUENT COUNT. The clients are where MODULES says.
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'

const [modules, client, http, fluent, count] = process.argv.slice(2)
const load = createRequire(modules)
const [host, port] = http.split(':')
const LINES = Number(count)
const fields = (index: number) => ({ correlationId: `c-${index}`, stage: 'tts', duration: index })

const CLIENTS: Record<string, () => Promise<void>> = {
  winston: () => winston(false),
  'winston-batch': () => winston(true),
  'winston-loki-json': () => winstonLoki(true),
  'winston-loki-protobuf': () => winstonLoki(false),
  'fluent-message': () => fluentLogger('Message'),
  'fluent-forward': () => fluentLogger('Forward'),
  'fluent-packed': () => fluentLogger('PackedForward'),
  'fluent-compressed': () => fluentLogger('CompressedPackedForward'),
  datadog
}

async function winston(batch: boolean): Promise<void> {
  const { createLogger, format, transports } = load('winston')
  const transport = new transports.Http({ host, port: Number(port), batch, batchInterval: 20, batchCount: 7 })
  let failed: Error | undefined
  transport.on('warn', (error: Error) => {
    failed = error
  })
  const logger = createLogger({ format: format.combine(format.timestamp(), format.json()), transports: [transport] })
  for (let i = 0; i < LINES; i++) {
    const logged = batch && i % 7 !== 6 ? sleep(0) : new Promise((resolve) => transport.once('logged', resolve))
    logger.warn(`line ${i}`, fields(i))
    await Promise.race([logged, sleep(2000)])
  }
  // The last batch goes by time.
  await sleep(200)
  if (failed !== undefined) throw failed
}

async function winstonLoki(json: boolean): Promise<void> {
  const { createLogger, format } = load('winston')
  const Transport = load('winston-loki')
  let failed: Error | undefined
  const onConnectionError = (error: Error): void => {
    failed = error
  }
  const transport = new Transport({ host: `http://${http}`, json, interval: 1, labels: { app: 'voice' }, onConnectionError })
  const logger = createLogger({ format: format.json(), transports: [transport] })
  for (let i = 0; i < LINES; i++) logger.warn(`line ${i}`, fields(i))
  await sleep(50)
  await transport.flush()
  if (failed !== undefined) throw failed
}

async function fluentLogger(eventMode: string): Promise<void> {
  const { FluentClient, EventTime } = load('@fluent-org/logger')
  const [to, at] = fluent.split(':')
  const security = { clientHostname: 'client', sharedKey: 'k3y', username: 'worker', password: 'pass' }
  const logger = new FluentClient('app', { eventMode, ack: { ackTimeout: 10_000 }, socket: { host: to, port: Number(at) }, security })
  await logger.connect()
  await Promise.all(
    Array.from({ length: LINES }, (_, i) => logger.emit('web', { message: `line ${i}`, level: 'warn', ...fields(i) }, EventTime.now()))
  )
  await logger.disconnect()
}

async function datadog(): Promise<void> {
  const { client: api, v2 } = load('@datadog/datadog-api-client')
  const baseServer = new api.BaseServerConfiguration(`http://${http}`, {})
  const logs = new v2.LogsApi(api.createConfiguration({ authMethods: { apiKeyAuth: 'a-key' }, baseServer }))
  const body = Array.from({ length: LINES }, (_, i) => ({
    message: `line ${i}`,
    service: 'voice',
    ddtags: 'env:prod',
    additionalProperties: { status: 'warn', ...fields(i) }
  }))
  for (const [index, contentEncoding] of ['gzip', 'deflate', undefined].entries())
    await logs.submitLog({ contentEncoding, body: body.filter((_, i) => i % 3 === index) })
}

await CLIENTS[client]()
process.exit()
