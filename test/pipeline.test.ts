import { deepStrictEqual, rejects, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { type Batch, parseBatch, type RedactedBatch, SIGNALS, type Signal } from '../src/batch.ts'
import type { Processor } from '../src/component.ts'
import { decodeEntry, decodeLines } from '../src/entry.ts'
import { Ledger } from '../src/ledger.ts'
import { Pipeline } from '../src/pipeline.ts'
import { Queue } from '../src/queue/queue.ts'
import { request, span, string } from './support/otlp-bytes.ts'

const redactor = { process: (batch: Batch) => batch as RedactedBatch, text: (value: string) => value }

interface Made {
  readonly pipeline: Pipeline
  readonly ledger: Ledger
  readonly queue: Queue
}

async function pipelineOf(processors: Record<string, Processor>, queued: readonly Signal[], bytesMax = 1 << 20): Promise<Made> {
  const ledger = new Ledger()
  const queue = await Queue.open({
    dir: undefined,
    bytesMax,
    memoryBytesMax: bytesMax,
    deadLetterBytesMax: 0,
    whenFull: 'refuse',
    lanes: SIGNALS.map((name) => ({ name, priority: 0 })),
    checkpoint: (lane) => ledger.snapshot(lane as Signal),
    recover: (lane) => (record) => ledger.add(lane as Signal, decodeLines(record)),
    onEvent: () => undefined
  })
  for (const signal of queued) await queue.cursor(signal, 'reader', new Uint8Array())
  const steps = Object.entries(processors).map(([name, processor]) => ({ name, outcome: 'dropped', processor }))
  return { ledger, queue, pipeline: new Pipeline(queue, ledger, { steps, redactor, folders: [], queued: new Set(queued) }) }
}

async function itemsIn({ queue }: Made, signal: Signal): Promise<number[]> {
  const cursor = await queue.cursor(signal, 'reader', new Uint8Array())
  const [reader] = queue.state().lanes.find(({ name }) => name === signal)!.readers
  if (reader.records === 0) return []
  return (await cursor.peek(1 << 20, new AbortController().signal))!.map(({ payload }) => decodeEntry(signal, payload).batch?.items ?? 0)
}

const outcomes = ({ ledger }: Made, of: Signal): string[] =>
  ledger
    .samples()
    .filter(({ labels }) => labels.signal === of)
    .map(({ labels: { stage, component, outcome }, value }) => `${stage} ${component} ${outcome} ${value}`)

const spans = (count: number): Batch => parseBatch('traces', request(Array.from({ length: count }, () => span({}))))
const errors = (count: number): Batch => parseBatch('errors', request(Array.from({ length: count }, () => string(3, 'ERROR'))))

/** Spawns as many errors as there are spans. */
function spawning(): Processor {
  let last: Batch | null = null
  return {
    process: (batch) => {
      if (batch.signal === 'traces') last = errors(batch.items)
      return batch
    },
    spawn: () => {
      const spawned = last
      last = null
      return spawned
    }
  }
}

const droppingTraces: Processor = { process: (batch) => (batch.signal === 'traces' ? null : batch) }

test('what a processor spawns goes on from its place, into its own lane and books', async () => {
  const seen: string[] = []
  const watching = (name: string): Processor => ({
    process: (batch) => {
      seen.push(`${name} ${batch.signal}`)
      return batch
    }
  })
  const made = await pipelineOf({ before: watching('before'), spawning: spawning(), after: watching('after') }, ['traces', 'errors'])
  await made.pipeline.push('otlp', spans(3))
  deepStrictEqual(seen, ['before traces', 'after errors', 'after traces'])
  deepStrictEqual([await itemsIn(made, 'traces'), await itemsIn(made, 'errors')], [[3], [3]])
  deepStrictEqual(outcomes(made, 'errors'), ['receive spawning accepted 3', 'queue  enqueued 3'])
  deepStrictEqual([made.ledger.residue('traces'), made.ledger.residue('errors')], [0, 0])
})

test('it stays when what it came from is dropped', async () => {
  const made = await pipelineOf({ spawning: spawning(), dropping: droppingTraces }, ['traces', 'errors'])
  await made.pipeline.push('otlp', spans(3))
  deepStrictEqual(await itemsIn(made, 'errors'), [3])
  deepStrictEqual(outcomes(made, 'traces'), ['receive otlp accepted 3', 'process dropping dropped 3'])
})

test('where there is no room for both, neither is taken and the sender is told', async () => {
  const batch = spans(50)
  const made = await pipelineOf({ spawning: spawning() }, ['traces', 'errors'], batch.bytes.length + 1000)
  strictEqual(made.queue.fits(batch.bytes.length), true)
  await rejects(made.pipeline.push('otlp', batch), { code: 'overloaded' })
  deepStrictEqual([...outcomes(made, 'traces'), ...outcomes(made, 'errors')], ['receive otlp refused 50'])
})

test('what a processor holds back is asked for with what it has made', async () => {
  let held: Batch | null = errors(2)
  const holding: Processor = {
    process: (batch) => batch,
    flush: () => {
      const batch = held
      held = null
      return batch
    }
  }
  const made = await pipelineOf({ holding }, ['errors'])
  await made.pipeline.pushHeld()
  await made.pipeline.pushHeld()
  deepStrictEqual(await itemsIn(made, 'errors'), [2])
})

test('who leaves is asked for the last time, and nobody else', async () => {
  const asked: string[] = []
  const lasting = (name: string): Processor => {
    const held = [errors(1), errors(2)]
    return {
      process: (batch) => batch,
      collect: (isLast) => {
        asked.push(`${name} collect ${isLast}`)
        return null
      },
      flush: (isLast) => {
        asked.push(`${name} flush ${isLast}`)
        return held.pop() ?? null
      }
    }
  }
  const leaving = lasting('leaving')
  const made = await pipelineOf({ staying: lasting('staying'), leaving }, ['errors'])
  await made.pipeline.pushLast((processor) => processor === leaving)
  deepStrictEqual(asked, ['leaving collect true', ...Array(3).fill('leaving flush true')])
  deepStrictEqual(outcomes(made, 'errors'), ['receive leaving accepted 3', 'queue  enqueued 3'])
})

test('what is held back at the stop and finds no room is refused in the books', async () => {
  const held = [errors(1), errors(1000), errors(2)]
  const holding: Processor = { process: (batch) => batch, flush: () => held.pop() ?? null }
  const made = await pipelineOf({ holding }, ['errors'], 4_000)
  await rejects(made.pipeline.pushLast(), { code: 'overloaded' })
  deepStrictEqual(outcomes(made, 'errors'), ['receive holding accepted 3', 'queue  enqueued 3', 'receive holding refused 1000'])
})
