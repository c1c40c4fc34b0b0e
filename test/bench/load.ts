// A process: sends requests as fast as they are answered, or at a given rate, for a given time, and prints what became of them. What it is to do
// comes as JSON in its first argument.
import { gzipSync } from 'node:zlib'
import { grpcSender } from './load-grpc.ts'
import { httpSender } from './load-http.ts'
import { logRequest, SPREAD_MS, Template, traceRequest } from './requests.ts'

export interface Load {
  readonly transport: 'http' | 'grpc'
  readonly port: number
  readonly signal: 'traces' | 'logs'
  /** Spans or log records in a request. */
  readonly items: number
  readonly gzip: boolean
  readonly connections: number
  /** Requests at once on each connection; HTTP/1.1 has one. */
  readonly streams: number
  readonly seconds: number
  /** Items a second, over all connections; 0 for as fast as they are answered. */
  readonly rate: number
}

export interface LoadResult {
  /** Items in requests that were answered with success. */
  readonly accepted: number
  /** Requests that were answered otherwise. */
  readonly refused: number
  readonly seconds: number
}

/** Sends one request at a time; false when it was refused. Rejects when the connection fails. */
export type Send = (body: Buffer) => Promise<boolean>

export interface Sender {
  /** One entry for each request that may be under way at once. */
  readonly lanes: readonly Send[]
  close(): void
}

/** Different requests, sent in turn. Compressed ones repeat their ids with them. */
const REQUESTS = 24
/** A refused sender comes back after this long. */
const REFUSED_WAIT_MS = 5

async function run(load: Load): Promise<LoadResult> {
  const next = requests(load)
  const sender = await (load.transport === 'http'
    ? httpSender(load, { path: `/v1/${load.signal}`, contentType: 'application/x-protobuf' })
    : grpcSender(load))
  const lanes = sender.lanes.length
  const startedAtMs = performance.now()
  const untilMs = startedAtMs + load.seconds * 1000
  let accepted = 0
  let refused = 0
  const lane = async (send: Send, index: number): Promise<void> => {
    const body = next()
    for (let sent = 0; performance.now() < untilMs; sent++) {
      if (load.rate > 0) await at(startedAtMs + ((sent + index / lanes) * lanes * load.items * 1000) / load.rate)
      if (await send(body())) accepted += load.items
      else {
        refused++
        await at(performance.now() + REFUSED_WAIT_MS)
      }
    }
  }
  await Promise.all(sender.lanes.map(lane))
  sender.close()
  return { accepted, refused, seconds: (performance.now() - startedAtMs) / 1000 }
}

// For each lane a function that makes its next request. A request is good until that lane asks for another one.
function requests({ signal, items, gzip }: Load): () => () => Buffer {
  // Spans come when they have ended: the last of them now.
  const startMs = Date.now() - SPREAD_MS
  const make = (seed: number): Buffer => (signal === 'traces' ? traceRequest(items, seed, startMs) : logRequest(items, seed))
  const templates = Array.from({ length: REQUESTS }, (_, i) => new Template(make(i + 1), i + 1))
  const bytesMax = Math.max(...templates.map(({ length }) => length))
  const compressed = gzip ? templates.map((template) => gzipSync(template.write(Buffer.alloc(bytesMax)))) : []
  let turn = 0
  return () => {
    const own = Buffer.alloc(gzip ? 0 : bytesMax)
    return () => {
      turn = (turn + 1) % REQUESTS
      return gzip ? compressed[turn] : templates[turn].write(own)
    }
  }
}

function at(ms: number): Promise<void> {
  const waitMs = ms - performance.now()
  return waitMs <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, waitMs))
}

if (import.meta.main) console.log(JSON.stringify(await run(JSON.parse(process.argv[2]) as Load)))
