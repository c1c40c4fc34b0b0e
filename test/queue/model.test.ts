import { ok, strictEqual } from 'node:assert/strict'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Cursor } from '../../src/queue/queue.ts'
import { Queue } from '../../src/queue/queue.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { countingDisk } from './failing-disk.ts'
import { LANE, NEVER, Owner, stateOf, textOf } from './support.ts'

type Step =
  | { readonly do: 'append'; readonly count: number; readonly size: number }
  | { readonly do: 'read'; readonly reader: number; readonly count: number; readonly bytesMax: number }
  | { readonly do: 'crash' | 'close' | 'fail' | 'heal' }

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('append' as const), count: fc.integer({ min: 1, max: 12 }), size: fc.nat(3000) }) },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('read' as const),
        reader: fc.nat(1),
        count: fc.integer({ min: 1, max: 15 }),
        bytesMax: fc.nat(9000)
      })
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('crash' as const, 'close' as const, 'fail' as const, 'heal' as const) }) }
  ),
  { minLength: 5, maxLength: 40 }
)

const READERS = ['a', 'b']
const BYTES_MAX = 24_000

/** Two readers of one lane, records that are numbered, and a reader's state that is the number which it waits for. */
class Model {
  readonly owner = new Owner()
  queue!: Queue
  cursors: Cursor[] = []
  private disk = countingDisk()
  private readonly dir: string
  private readonly whenFull: 'refuse' | 'evict'
  /** Records that were in memory alone may be gone after a crash. */
  private isRisky = false

  constructor(dir: string, whenFull: 'refuse' | 'evict') {
    this.dir = dir
    this.whenFull = whenFull
  }

  async open(): Promise<void> {
    this.disk = countingDisk()
    const { dir, disk, whenFull } = this
    this.queue = await Queue.open(
      this.owner.options({ dir, disk, whenFull, bytesMax: BYTES_MAX, segmentBytes: 4096, memoryBytesMax: 16_384, retryFirstMs: 1 })
    )
    this.cursors = []
    for (const reader of READERS) this.cursors.push(await this.queue.cursor(LANE, reader, stateOf(0)))
  }

  async step(step: Step): Promise<void> {
    if (step.do === 'append') await this.append(step.count, step.size)
    else if (step.do === 'read') await this.read(this.cursors[step.reader], step.count, step.bytesMax)
    else if (step.do === 'fail') this.disk.verdict = (call) => (call === 'write' || call === 'sync' ? 'EIO' : null)
    else if (step.do === 'heal') this.disk.verdict = () => null
    else await this.end(step.do === 'crash')
    ok(this.queue.state().bytes <= BYTES_MAX, 'over the cap')
  }

  private async append(count: number, size: number): Promise<void> {
    const durable: Promise<void>[] = []
    for (let at = 0; at < count; at++) {
      try {
        durable.push(this.owner.append(this.queue, String(this.owner.totals.get(LANE)).padEnd(size)))
      } catch (error) {
        strictEqual((error as Error).name, 'QueueFullError')
      }
    }
    await Promise.all(durable)
    if (this.queue.state().degraded !== null) this.isRisky = true
  }

  private async read(cursor: Cursor, count: number, bytesMax: number): Promise<void> {
    for (let left = count; left > 0 && this.waiting(cursor) > 0; ) {
      const entries = (await cursor.peek(bytesMax, AbortSignal.any([NEVER, AbortSignal.timeout(60_000)])))!
      for (const entry of entries.slice(0, left)) {
        const number = Number(textOf(entry.payload))
        const expected = Number(textOf(cursor.state))
        ok(number >= expected || this.isRisky, `${cursor.reader} got ${number} after ${expected}`)
        if (number > expected && !this.isRisky) strictEqual(entry.skipped, 'evicted')
        cursor.ack(entry, stateOf(number + 1))
        left--
      }
    }
  }

  private async end(isCrash: boolean): Promise<void> {
    if (isCrash) {
      this.disk.verdict = () => 'EIO'
      ;(this.queue as unknown as { lock: { release(): void } }).lock.release()
    } else {
      this.disk.verdict = () => null
      await this.queue.close()
    }
    await this.open()
  }

  waiting(cursor: Cursor): number {
    return this.queue.state().lanes[0].readers.find(({ reader }) => reader === cursor.reader)?.records as number
  }

  /** Reads everything to the end, and compares what the queue says of itself with what is on the disk. */
  async finish(): Promise<void> {
    await this.end(false)
    const files = readdirSync(join(this.dir, LANE)).filter((name) => name.endsWith('.log'))
    strictEqual(
      files.reduce((sum, name) => sum + statSync(join(this.dir, LANE, name)).size, 0),
      this.queue.state().bytes
    )
    for (const cursor of this.cursors) {
      await this.read(cursor, Infinity, 5000)
      if (!this.isRisky) strictEqual(Number(textOf(cursor.state)), this.owner.totals.get(LANE))
    }
    if (!this.isRisky) strictEqual(this.owner.count('damaged'), 0)
    await this.queue.close()
  }
}

for (const whenFull of ['refuse', 'evict'] as const) {
  test(`whatever happens in whatever order, each reader gets each record once, or is told of its eviction (${whenFull})`, async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const model = new Model(join(temporaryDirectory(), 'queue'), whenFull)
        await model.open()
        await model.step({ do: 'append', count: 1, size: 1 })
        for (const step of all) await model.step(step)
        await model.finish()
      }),
      { numRuns: Number(process.env.SLUICE_FUZZ_RUNS ?? 25) }
    )
  })
}
