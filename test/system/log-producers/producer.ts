// Logs COUNT lines through one library: producer.ts MODULES LIBRARY HOST:PORT COUNT. The libraries are where MODULES says. What a library cannot send by
// itself goes to standard output.
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const [modules, library, address, count] = process.argv.slice(2)
const load = createRequire(modules)
const [host, port] = address.split(':')
const LINES = Number(count)
const traceId = (index: number): string => `4bf92f3577b34da6a3ce929d${String(index).padStart(8, '0')}`
const fields = (index: number) => ({
  correlationId: `corr-${index}`,
  stage: 'tts',
  duration: index + 0.5,
  trace_id: traceId(index),
  span_id: '00f067aa0ba902b7'
})

const LIBRARIES: Record<string, () => Promise<void>> = {
  winston: async () => {
    const { createLogger, format, transports } = load('winston')
    const logger = createLogger({ format: format.combine(format.timestamp(), format.json()), transports: [new transports.Console()] })
    for (let i = 0; i < LINES; i++) logger.warn(`line ${i}`, fields(i))
    logger.end()
    await once(logger, 'finish')
  },
  'pino-socket': async () => {
    const pino = load('pino')
    const transport = pino.transport({ target: load.resolve('pino-socket'), options: { mode: 'tcp', address: host, port: Number(port) } })
    await once(transport, 'ready')
    const logger = pino(transport)
    for (let i = 0; i < LINES; i++) logger.warn(fields(i), `line ${i}`)
    // The transport's thread has them, and sends on its own.
    await sleep(1000)
  },
  bunyan: async () => {
    const bunyan = load('bunyan')
    const stream = connect(Number(port), host)
    await once(stream, 'connect')
    const logger = bunyan.createLogger({ name: 'worker', streams: [{ stream }] })
    for (let i = 0; i < LINES; i++) logger.warn(fields(i), `line ${i}`)
    stream.end()
    await once(stream, 'close')
  },
  'gelf-udp': () => gelf('udp'),
  'gelf-tcp': () => gelf('tcp')
}

async function gelf(adapterName: string): Promise<void> {
  const log = load('gelf-pro')
  log.setConfig({ adapterName, adapterOptions: { host, port: Number(port) } })
  for (let i = 0; i < LINES; i++)
    await new Promise<void>((resolve, reject) => {
      log.warn(`line ${i}`, fields(i), (error: Error | null) => (error ? reject(error) : resolve()))
    })
}

await LIBRARIES[library]()
