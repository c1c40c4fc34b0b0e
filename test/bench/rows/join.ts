// What GPU facts cost the data path: all processors with them beside the same ones without, in one process, from the check of a request to redact.
import { z } from 'zod'
import { type Batch, parseBatch } from '../../../src/batch.ts'
import type { Host, Processor, Redactor } from '../../../src/component.ts'
import type { Facts } from '../../../src/facts/facts.ts'
import { Ring } from '../../../src/facts/gpu/ring.ts'
import { cost } from '../../../src/processors/cost/cost.ts'
import { derive } from '../../../src/processors/derive/derive.ts'
import { enrich } from '../../../src/processors/enrich/enrich.ts'
import { redact } from '../../../src/processors/redact/redact.ts'
import { sample } from '../../../src/processors/sample/sample.ts'
import { factsOf } from '../../support/gpu-facts.ts'
import { host } from '../../support/host.ts'
import { type Row, ratios } from '../figures.ts'
import { START_UNIX_NANO, Template, traceRequest } from '../requests.ts'
import { spinAll } from '../spin.ts'

const SPANS = 256
const REQUESTS = 16
const SAMPLES = 240
const INTERVAL_MS = 15_000
const COLLECT_EVERY = 1000

export const join: Row = {
  name: 'join',
  async measure({ rounds, seconds }) {
    const templates = Array.from({ length: REQUESTS }, (_, i) => new Template(traceRequest(SPANS, i + 1), i + 1))
    const requests = templates.map((template) => template.write(Buffer.alloc(template.length)))
    let turn = 0
    const next = (): Batch => {
      turn = (turn + 1) % REQUESTS
      return parseBatch('traces', templates[turn].write(requests[turn]))
    }
    const [none, told] = [factsOf([]), oneGpu()]
    const [without, joined, costed] = await spinAll(
      [
        through([derive, sample, enrich], none, next),
        through([derive, sample, enrich], told, next),
        through([derive, cost, sample, enrich], told, next)
      ],
      rounds,
      seconds / 2
    )
    const row = 'join'
    const unit = 'M spans / CPU-s'
    const spans = (runs: readonly number[]): number[] => runs.map((each) => (each * SPANS) / 1e6)
    const against = (runs: readonly number[]) => ({ subject: 'the same without GPU facts', ratios: ratios(runs, without) })
    const note = 'processors alone; over HTTP the share is smaller'
    return [
      { row, subject: 'processors, no GPU', unit, values: spans(without) },
      { row, subject: 'processors, spans joined with a GPU', unit, values: spans(joined), against: against(joined), note },
      { row, subject: 'processors, joined and GPU cost of all spans', unit, values: spans(costed), against: against(costed), note }
    ]
  }
}

type Definition = { type: string; options: z.core.$ZodLooseShape; create(options: never, host: Host): unknown }

/** One request through these processors and redact. */
function through(definitions: readonly Definition[], facts: Facts, next: () => Batch): () => void {
  const made = [...definitions, redact as Definition].map(({ type, options, create }) =>
    create(z.strictObject(options).parse({}) as never, host({ name: type, facts }))
  )
  const redactor = made.pop() as Redactor
  const processors = made as Processor[]
  let requests = 0
  return () => {
    let batch: Batch | null = next()
    for (const processor of processors) if (batch !== null) batch = processor.process(batch)
    if (batch !== null) redactor.process(batch)
    if (++requests % COLLECT_EVERY === 0) for (const processor of processors) processor.collect?.()
  }
}

/** A GPU that was looked at every 15 seconds for an hour, in the middle of which the spans ran. */
function oneGpu(): Facts {
  const startMs = Number(START_UNIX_NANO / 1_000_000n) - (SAMPLES / 2) * INTERVAL_MS
  const ring = new Ring({ samplesMax: SAMPLES, reachMs: 3 * INTERVAL_MS })
  for (let i = 0; i < SAMPLES; i++) {
    const numbers = { utilization: (i % 10) / 10, memoryUsedBytes: (i % 80) * 1e9, powerWatts: 300 + i, temperature: 60 }
    ring.add({ ...numbers, atMs: startMs + i * INTERVAL_MS, more: {}, processes: [] })
  }
  const { gpu, pod } = factsOf([{ uuid: 'GPU-a' }])
  const over = (_uuid: string, fromMs: number, toMs: number) => ring.over(fromMs, toMs)
  return { gpu: { ...gpu, at: (_uuid, atMs) => ring.at(atMs), latest: () => ring.latest(), over }, pod }
}
