import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { temporaryDirectory } from './temporary-directory.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const MAIN = join(ROOT, 'src', 'main.ts')
/** As `npm start` sets it. */
const ENVIRONMENT = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '131072',
  NODE_COMPILE_CACHE: join(ROOT, 'node_modules', '.cache', 'sluice')
}
// For machines that are ten times slower, or busy; one that is not reaches none of them.
const READY_WITHIN_MS = 120_000
const EXIT_WITHIN_MS = 120_000
const SEEN_WITHIN_MS = 120_000

/** The gateway as users run it: a process of its own, told by a file and the environment. */
export interface GatewayProcess {
  readonly child: ChildProcess
  /** Base URLs; gRPC as host:port. */
  readonly http: string
  readonly grpc: string
  readonly admin: string
  /** Every line that it has logged. */
  readonly log: readonly Record<string, unknown>[]
  /** Rewrites the file, without telling the process. */
  configure(yaml: string): void
  /** Sends a signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<number | null>
}

export interface GatewayOptions {
  /** The configuration file; listen on port 0 unless the port matters. */
  readonly yaml: string
  readonly env?: Record<string, string>
  /** What Node runs, if it is not the source. */
  readonly main?: string
  /** More arguments. With --stdin, the child's input is there to be written to. */
  readonly args?: readonly string[]
}

/** Starts a gateway and resolves when it is ready. Throws with its log when it ends before. */
export async function startGateway(
  t: { after(done: () => unknown): void },
  { yaml, env = {}, main = MAIN, args = [] }: GatewayOptions
): Promise<GatewayProcess> {
  const dir = temporaryDirectory()
  const file = join(dir, 'sluice.yaml')
  writeFileSync(file, yaml)
  const child = spawn(process.execPath, [main, 'run', '--config', file, ...args], {
    stdio: [args.includes('--stdin') ? 'pipe' : 'ignore', 'ignore', 'pipe'],
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...ENVIRONMENT, ...env }
  })
  t.after(() => child.kill('SIGKILL'))
  const log: Record<string, unknown>[] = []
  const ready = new Promise<Record<string, unknown>>((resolve, reject) => {
    createInterface({ input: child.stderr! }).on('line', (line) => {
      const said = line.startsWith('{') ? (JSON.parse(line) as Record<string, unknown>) : { msg: line }
      log.push(said)
      if (said.msg === 'ready') resolve(said)
    })
    child.once('exit', (code) => reject(new Error(`the gateway ended with ${code}: ${JSON.stringify(log)}`)))
    setTimeout(() => reject(new Error(`the gateway was not ready in time: ${JSON.stringify(log)}`)), READY_WITHIN_MS).unref()
  })
  const { listening } = (await ready) as { listening: { http: string[]; grpc: string[]; admin: string[] } }
  return {
    child,
    log,
    http: `http://${listening.http[0]}`,
    grpc: listening.grpc[0],
    admin: `http://${listening.admin[0]}`,
    configure: (text) => writeFileSync(file, text),
    async end(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
      const timer = setTimeout(() => child.kill('SIGKILL'), EXIT_WITHIN_MS)
      const ended = once(child, 'exit')
      child.kill(signal)
      const [code] = await ended
      clearTimeout(timer)
      return code as number | null
    }
  }
}

/** The samples of one metric on the gateway's page, as label text and value. */
export async function scrape(gateway: GatewayProcess, name: string): Promise<Map<string, number>> {
  return (await scrapeAll(gateway, name))[0]
}

/** The same of several, as they were at one moment. */
export async function scrapeAll(gateway: GatewayProcess, ...names: string[]): Promise<Map<string, number>[]> {
  const page = await (await fetch(`${gateway.admin}/metrics`)).text()
  const all = names.map(() => new Map<string, number>())
  for (const line of page.split('\n')) {
    const [, found, labels = '', value] = /^([a-zA-Z_:][\w:]*)(\{.*\})? (\S+)$/.exec(line) ?? []
    all[names.indexOf(found)]?.set(labels, Number(value))
  }
  return all
}

/** The sum of the samples whose labels contain all of `parts`. */
export function sumOf(samples: ReadonlyMap<string, number>, ...parts: string[]): number {
  let sum = 0
  for (const [labels, value] of samples) if (parts.every((part) => labels.includes(part))) sum += value
  return sum
}

/** Looks until `look` is satisfied; throws with what it last saw when that takes too long. */
export async function until<T>(look: () => Promise<T> | T, satisfied: (seen: T) => boolean, withinMs = SEEN_WITHIN_MS): Promise<T> {
  const deadlineMs = Date.now() + withinMs
  for (;;) {
    const seen = await look()
    if (satisfied(seen)) return seen
    if (Date.now() > deadlineMs) throw new Error(`not in time: ${JSON.stringify(seen)}`)
    await sleep(50)
  }
}
