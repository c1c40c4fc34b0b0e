// A process: sends lines of JSON as fast as they are taken, or at a given rate, for a given time, and prints what became of them. What it is to do comes as JSON in its
// first argument.
import { once } from 'node:events'
import { connect } from 'node:net'
import type { LoadResult } from './load.ts'
import { httpSender } from './load-http.ts'
import { LINES_IN_BLOCK, LogBlock } from './log-block.ts'

export interface LogLoad {
  /** lines, syslog: over TCP. http: requests of LINES_IN_BLOCK lines. */
  readonly way: 'lines' | 'syslog' | 'http'
  readonly port: number
  readonly connections: number
  readonly seconds: number
  /** Lines a second, over all connections; 0 for as fast as they are taken. */
  readonly rate: number
}

async function run({ way, port, connections, seconds, rate }: LogLoad): Promise<LoadResult> {
  const startedAtMs = performance.now()
  const untilMs = startedAtMs + seconds * 1000
  let accepted = 0
  let refused = 0
  const lanes = Array.from({ length: connections }, (_, i) => new LogBlock(i + 1, way === 'syslog' ? 'syslog' : 'lines'))
  if (way === 'http') {
    const sender = await httpSender({ port, connections, gzip: false }, { path: '/logs', contentType: 'application/x-ndjson' })
    await Promise.all(
      sender.lanes.map(async (send, i) => {
        while (performance.now() < untilMs) {
          if (await send(lanes[i].next())) accepted += LINES_IN_BLOCK
          else refused++
        }
      })
    )
    sender.close()
  } else {
    await Promise.all(
      lanes.map(async (block, lane) => {
        const socket = connect(port, '127.0.0.1')
        await once(socket, 'connect')
        for (let sent = 0; performance.now() < untilMs; sent++) {
          if (rate > 0) await at(startedAtMs + ((sent + lane / connections) * connections * LINES_IN_BLOCK * 1000) / rate)
          await new Promise<void>((resolve, reject) => socket.write(block.next(), (error) => (error ? reject(error) : resolve())))
          accepted += LINES_IN_BLOCK
        }
        // Read to its end, so that the other side's end is seen.
        socket.resume().end()
        await once(socket, 'close')
      })
    )
  }
  return { accepted, refused, seconds: (performance.now() - startedAtMs) / 1000 }
}

function at(ms: number): Promise<void> {
  const waitMs = ms - performance.now()
  return waitMs <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, waitMs))
}

console.log(JSON.stringify(await run(JSON.parse(process.argv[2]) as LogLoad)))
