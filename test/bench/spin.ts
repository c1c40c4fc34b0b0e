// Work in this process, repeated for a time, in turns.

/** How often the clock is looked at, in ms. */
const SLICE_MS = 20

/** Runs per second of CPU time of this process, while `work` runs for about so long. */
export async function spin(seconds: number, work: () => void | Promise<void>): Promise<number> {
  const before = process.cpuUsage()
  const untilMs = performance.now() + seconds * 1000
  let runs = 0
  while (performance.now() < untilMs) {
    const sliceMs = performance.now() + SLICE_MS
    do {
      const waits = work()
      if (waits !== undefined) await waits
      runs++
    } while (performance.now() < sliceMs)
  }
  const { user, system } = process.cpuUsage(before)
  return (runs * 1e6) / (user + system)
}

/** All works in turn, round by round, after a first round that does not count. Runs per CPU second, by work and round. */
export async function spinAll(works: readonly (() => void | Promise<void>)[], rounds: number, seconds: number): Promise<number[][]> {
  const figures: number[][] = works.map(() => [])
  for (let round = -1; round < rounds; round++) {
    for (const [i, work] of works.entries()) {
      const runs = await spin(seconds, work)
      if (round >= 0) figures[i].push(runs)
    }
  }
  return figures
}
