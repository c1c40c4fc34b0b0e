import type { TestContext } from 'node:test'
import type { Cursor, QueueEvent, QueueOptions } from '../../src/queue/queue.ts'
import { Queue } from '../../src/queue/queue.ts'

export const NEVER = new AbortController().signal
export const LANE = 'traces'

/** An owner that counts the records of each lane, as durably as the queue does. */
export class Owner {
  readonly totals = new Map<string, number>()
  readonly recovered = new Map<string, string[]>()
  readonly events: QueueEvent[] = []

  options(options: Partial<QueueOptions>): QueueOptions {
    return {
      dir: undefined,
      bytesMax: 2 ** 24,
      memoryBytesMax: 2 ** 24,
      whenFull: 'refuse',
      lanes: [{ name: LANE, priority: 0 }],
      retryFirstMs: 5,
      checkpoint: (lane) => Buffer.from(String(this.totals.get(lane) ?? 0)),
      recover: (lane, checkpoint) => {
        this.totals.set(lane, Number(Buffer.from(checkpoint).toString()))
        this.recovered.set(lane, [])
        return (payload) => {
          this.totals.set(lane, (this.totals.get(lane) ?? 0) + 1)
          this.recovered.get(lane)?.push(textOf(payload))
        }
      },
      onEvent: (event) => this.events.push(event),
      ...options
    }
  }

  /** Appends a record and counts it, as an owner should: after `append` has returned, in the same tick. */
  append(queue: Queue, text: string, lane = LANE): Promise<void> {
    const durable = queue.append(lane, [Buffer.from(text)])
    this.totals.set(lane, (this.totals.get(lane) ?? 0) + 1)
    return durable
  }

  kinds(): string[] {
    return this.events.map((event) => event.kind)
  }

  count(kind: QueueEvent['kind']): number {
    return this.events.filter((event) => event.kind === kind).reduce((sum, event) => sum + event.records, 0)
  }
}

/** Opens a queue that is closed after the test. */
export async function open(t: TestContext, owner: Owner, options: Partial<QueueOptions>): Promise<Queue> {
  const queue = await Queue.open(owner.options(options))
  t.after(() => queue.close())
  return queue
}

export const textOf = (payload: Uint8Array): string => Buffer.from(payload).toString()

export const stateOf = (count: number): Uint8Array => Buffer.from(String(count))

/** Reads and acknowledges `count` records, one stretch after another, and returns their texts. */
export async function take(cursor: Cursor, count: number): Promise<string[]> {
  const texts: string[] = []
  while (texts.length < count) {
    const entries = (await cursor.peek(1000, NEVER)) ?? []
    for (const entry of entries.slice(0, count - texts.length)) {
      texts.push(textOf(entry.payload))
      cursor.ack(entry, Buffer.from(String(Number(textOf(cursor.state)) + 1)))
    }
  }
  return texts
}

const GAP_MS = 30_000

/** All that is there now, acknowledged. */
export async function drain(queue: Queue, cursor: Cursor): Promise<string[]> {
  const texts: string[] = []
  const readers = () => queue.state().lanes.flatMap((lane) => (lane.name === cursor.lane ? lane.readers : []))
  while ((readers().find(({ reader }) => reader === cursor.reader)?.records ?? 0) > 0) {
    const stop = new AbortController()
    // What is left may be a gap alone, for which nobody waits; what is there comes sooner than that on the slowest disk.
    const timer = setTimeout(() => stop.abort(), GAP_MS)
    const entries = await cursor.peek(2 ** 20, stop.signal)
    clearTimeout(timer)
    if (entries === null) break
    for (const entry of entries) texts.push(textOf(entry.payload))
    cursor.ack(entries[entries.length - 1], stateOf(texts.length))
  }
  return texts
}

export const names = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, at) => `r${from + at}`)
