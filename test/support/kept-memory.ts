import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** More than Node's pool of small buffers holds, in pieces that come out of it. */
const POOLS = { pieces: 16, bytes: 8 * 1024 }

/** How much more memory of buffers is kept after `times` calls than before, each with other small buffers around it as in a process at work. */
export async function keptBufferBytes(times: number, call: (nth: number) => void): Promise<number> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const kept = async (): Promise<number> => {
    // Buffers that are freed are counted until the collection after it.
    for (let i = 0; i < 2; i++) {
      await nextTurn()
      collect()
    }
    return process.memoryUsage().arrayBuffers
  }
  const before = await kept()
  for (let nth = 0; nth < times; nth++) {
    call(nth)
    for (let i = 0; i < POOLS.pieces; i++) Buffer.allocUnsafe(POOLS.bytes)
  }
  return (await kept()) - before
}
