// One million cases and more, in parallel: `npm run fuzz`. SLUICE_FUZZ_CASES, SLUICE_FUZZ_WORKERS and SLUICE_FUZZ_SEED change what it does.
import { availableParallelism } from 'node:os'
import { inspect } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { hold, properties } from './properties.ts'

const RUNS = 500 // cases between two signs of life
const HANG_MS = 60_000

interface Sign {
  readonly name: string
  readonly seed: number
  /** Absent: begun. */
  readonly done?: true
  readonly failure?: string
}

if (isMainThread) campaign()
else work(workerData as { seed: number; step: number })

// Each worker goes through all properties, over and over, with a seed of its own each time.
function work({ seed, step }: { seed: number; step: number }): void {
  const say = (sign: Sign): void => parentPort?.postMessage(sign)
  for (; ; seed += step) {
    for (const [name, property] of Object.entries(properties)) {
      say({ name, seed })
      try {
        hold(property, RUNS, seed)
        say({ name, seed, done: true })
      } catch (error) {
        say({ name, seed, failure: inspect(error) })
        return
      }
    }
  }
}

function campaign(): void {
  const casesMax = Number(process.env.SLUICE_FUZZ_CASES ?? 1_000_000)
  const count = Number(process.env.SLUICE_FUZZ_WORKERS ?? Math.max(1, Math.floor(availableParallelism() / 2)))
  const seed = Number(process.env.SLUICE_FUZZ_SEED ?? Date.now() % 2 ** 31)
  const startedAt = performance.now()
  const cases = new Map<string, number>()
  let total = 0
  let shown = 0
  const rate = (): string => `${total} cases, ${Math.round(total / ((performance.now() - startedAt) / 1000))} cases/s`
  console.log(`seed ${seed}, ${count} workers, ${Object.keys(properties).length} properties, ${casesMax} cases`)

  const end = (code: number, words: string): never => {
    console.log(words)
    process.exit(code)
  }
  for (let i = 0; i < count; i++) {
    const worker = new Worker(new URL(import.meta.url), { workerData: { seed: seed + i, step: count } })
    let current = 'starting'
    const hung = (): never => end(1, `no sign of life for ${HANG_MS / 1000} s: ${current}`)
    let watch = setTimeout(hung, HANG_MS)
    worker.on('message', (sign: Sign) => {
      clearTimeout(watch)
      watch = setTimeout(hung, HANG_MS)
      current = `"${sign.name}", seed ${sign.seed}`
      if (sign.failure !== undefined) end(1, `${current} does not hold:\n${sign.failure}`)
      if (sign.done !== true) return
      total += RUNS
      cases.set(sign.name, (cases.get(sign.name) ?? 0) + RUNS)
      if (total >= casesMax) end(0, `${summary(cases)}\n${rate()}, seed ${seed}: all hold`)
      if (total - shown >= 100_000) {
        shown = total
        console.log(rate())
      }
    })
    worker.on('error', (error) => end(1, `a worker died in ${current}: ${error.stack ?? error}`))
  }
}

const summary = (cases: ReadonlyMap<string, number>): string =>
  Array.from(cases, ([name, count]) => `${String(count).padStart(9)}  ${name}`).join('\n')
