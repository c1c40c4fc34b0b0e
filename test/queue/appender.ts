// Child process of kill.test.ts: appends numbered records, as fast as the disk takes them, and reads them, until it is killed. Standard output gets
// `a<n>` when record n is safe.
import { writeSync } from 'node:fs'
import { Queue } from '../../src/queue/queue.ts'
import { LANE, NEVER, Owner, stateOf, textOf } from './support.ts'

/** Record `n`: its number, then bytes that follow from it, now and then more than a segment holds. */
export function recordOf(n: number): Buffer {
  const length = n % 97 === 0 ? 40_000 : 20 + ((n * 7919) % 3000)
  return Buffer.from(`${n}:`.padEnd(length, String.fromCharCode(97 + (n % 26))))
}

if (import.meta.main) {
  const owner = new Owner()
  const queue = await Queue.open(owner.options({ dir: process.argv[2], segmentBytes: 32_768, bytesMax: 2 ** 30 }))
  await queue.cursor(LANE, 'audit', stateOf(0))
  const cursor = await queue.cursor(LANE, 'reader', stateOf(0))
  const appendNext = async (): Promise<void> => {
    for (;;) {
      const n = owner.totals.get(LANE) as number
      const durable = queue.append(LANE, [recordOf(n)])
      owner.totals.set(LANE, n + 1)
      await durable
      writeSync(1, `a${n}\n`)
    }
  }
  for (let at = 0; at < 8; at++) void appendNext()
  for (;;) {
    for (const entry of (await cursor.peek(10_000, NEVER)) ?? []) {
      const read = Number(textOf(cursor.state))
      if (!Buffer.from(entry.payload).equals(recordOf(read)))
        throw new Error(`record ${read} is another: ${textOf(entry.payload).slice(0, 20)}`)
      cursor.ack(entry, stateOf(read + 1))
    }
  }
}
