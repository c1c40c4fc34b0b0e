// Hostile bytes on the sockets of a running gateway. SLUICE_FUZZ_CONNECTIONS and SLUICE_FUZZ_SEED change what a campaign does.
import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { connect } from 'node:net'
import fc from 'fast-check'
import { type GatewayProcess, scrape, startGateway } from '../support/gateway-process.ts'
import { call, EXPORT, framed, grpcSession } from '../support/grpc-client.ts'
import { request, span } from '../support/otlp-bytes.ts'
import { goodCall, grpcBytes, httpBytes } from './connection-bytes.ts'
import { type Tape, tapeOf, tapeWords } from './tape.ts'

/** A connection that has not ended so long after its last byte hangs; the gateway's own limits are a tenth of that. */
const HANG_MS = 10_000
const AT_ONCE = 32
/** So many connections between two looks at the gateway. */
const LOOK_EVERY = 512
const STATUSES = new Set([100, 200, 400, 404, 405, 408, 413, 415, 417, 429, 431, 503])

const YAML = `
receivers:
  logs: off
  otlp: { http: 127.0.0.1:0, grpc: 127.0.0.1:0, headerTimeout: 500ms, stallTimeout: 500ms, bodyTimeout: 1s, idleTimeout: 1s }
admin: { listen: 127.0.0.1:0 }
processors: { sample: { traces: 100% } }
`

export type Transport = 'http' | 'grpc'

/**
 * Opens so many connections to a gateway and sends each what a tape of the seed makes. Throws, naming seed and connection, when one neither ends
 * in an answer nor in a close, when an answer is none that HTTP has for this, or when the gateway dies, sickens or blames itself.
 */
export async function assail(
  t: { after(done: () => unknown): void },
  { connections, seed, transports = ['http', 'grpc'] }: { connections: number; seed: number; transports?: readonly Transport[] }
): Promise<{ answered: number; closed: number }> {
  const gateway = await startGateway(t, { yaml: YAML })
  const good = await goodCall()
  const seen = { answered: 0, closed: 0 }
  const make: Record<Transport, (tape: Tape) => Buffer> = { http: httpBytes, grpc: (tape) => grpcBytes(tape, good) }
  for (let first = 0; first < connections; first += LOOK_EVERY) {
    const count = Math.min(LOOK_EVERY, connections - first)
    const tapes = fc.sample(tapeWords, { numRuns: count, seed: seed + first })
    let next = 0
    const work = async (): Promise<void> => {
      while (next < count) {
        const at = next++
        const tape = tapeOf(tapes[at])
        const transport = tape.pick(transports)
        const answer = await one(addressOf(gateway, transport), tape, make[transport]).catch((error) => {
          throw new Error(`seed ${seed}, connection ${first + at} over ${transport}: ${error.message}`)
        })
        if (answer.length === 0) seen.closed++
        else seen.answered++
        if (transport === 'http') checkAnswer(answer, `seed ${seed}, connection ${first + at}`)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    await look(t, gateway, `seed ${seed}, after connection ${first + count}`)
  }
  strictEqual(await gateway.end('SIGTERM'), 0, `seed ${seed}`)
  return seen
}

const addressOf = (gateway: GatewayProcess, transport: Transport): number =>
  Number((transport === 'http' ? gateway.http : gateway.grpc).split(':').at(-1))

// Sends in pieces of any size, and then closes its side, or resets, or does neither and waits to be closed. Resolves with what came back.
function one(port: number, tape: Tape, make: (tape: Tape) => Buffer): Promise<string> {
  const ending = tape.pick(['end', 'end', 'end', 'reset', 'wait'])
  const cuts = tape.below(6)
  const bytes = make(tape)
  const pieces: Buffer[] = []
  let from = 0
  for (let i = 0; i < cuts; i++) {
    const to = from + tape.below(bytes.length - from + 1)
    pieces.push(bytes.subarray(from, to))
    from = to
  }
  pieces.push(bytes.subarray(from))
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const hung = setTimeout(() => {
      socket.destroy()
      reject(new Error(`no end ${HANG_MS} ms after ${bytes.toString('latin1').slice(0, 2_000)}`))
    }, HANG_MS)
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
    })
    socket.on('error', () => undefined)
    socket.once('close', () => {
      clearTimeout(hung)
      resolve(answer)
    })
    const send = (): void => {
      const piece = pieces.shift()
      if (socket.destroyed) return
      if (piece !== undefined) {
        socket.write(piece)
        setImmediate(send)
      } else if (ending === 'end') socket.end()
      else if (ending === 'reset') socket.resetAndDestroy()
    }
    socket.once('connect', send)
  })
}

function checkAnswer(answer: string, where: string): void {
  if (answer.length === 0) return
  ok(/^HTTP\/1\.1 \d{3} /.test(answer), `${where}: answered ${JSON.stringify(answer.slice(0, 200))}`)
  for (const [, status] of answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)) ok(STATUSES.has(Number(status)), `${where}: answered ${status}`)
}

async function look(t: { after(done: () => unknown): void }, gateway: GatewayProcess, where: string): Promise<void> {
  strictEqual(gateway.child.exitCode, null, `${where}: the gateway has ended: ${JSON.stringify(gateway.log.slice(-3))}`)
  strictEqual((await fetch(`${gateway.admin}/healthz`)).status, 200, where)
  const body = request([span()])
  const answer = await fetch(`${gateway.http}/v1/traces`, { method: 'POST', body, headers: { 'content-type': 'application/x-protobuf' } })
  strictEqual(answer.status, 200, where)
  const session = grpcSession(t, gateway.grpc)
  strictEqual((await call(session, EXPORT.traces, framed(body))).status, 0, where)
  session.destroy()
  deepStrictEqual(
    gateway.log.filter(({ level }) => level === 'error' || level === 'fatal'),
    [],
    where
  )
  for (const [labels, residue] of await scrape(gateway, 'sluice_ledger_residue')) strictEqual(residue, 0, `${where}: ${labels}`)
}

async function campaign(): Promise<void> {
  const connections = Number(process.env.SLUICE_FUZZ_CONNECTIONS ?? 20_000)
  const seed = Number(process.env.SLUICE_FUZZ_SEED ?? Date.now() % 2 ** 30)
  console.log(`seed ${seed}, ${connections} connections`)
  const ends: (() => unknown)[] = []
  const startedAt = performance.now()
  try {
    const { answered, closed } = await assail({ after: (end) => ends.push(end) }, { connections, seed })
    const perSecond = Math.round(connections / ((performance.now() - startedAt) / 1000))
    console.log(`${answered} answered, ${closed} closed without a word, ${perSecond} connections/s, seed ${seed}: the gateway goes on`)
  } finally {
    for (const end of ends) await end()
  }
}

if (import.meta.main) await campaign()
