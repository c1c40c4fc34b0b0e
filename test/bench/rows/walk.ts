// What it takes to see all spans of a request: ours without decoding, beside the usual way.
import { z } from 'zod'
import { type Batch, parseBatch } from '../../../src/batch.ts'
import { derive } from '../../../src/processors/derive/derive.ts'
import { sample } from '../../../src/processors/sample/sample.ts'
import { judge } from '../../fuzz/proto.ts'
import { host } from '../../support/host.ts'
import { type Row, ratios } from '../figures.ts'
import { Template, traceRequest } from '../requests.ts'
import { spinAll } from '../spin.ts'

const SPANS = 256
/** Different ones, so that nothing is learnt by heart. */
const REQUESTS = 16

export const walk: Row = {
  name: 'walk',
  async measure({ rounds, seconds }) {
    const derived = derive.create(z.strictObject(derive.options).parse({}), host())
    const sampled = sample.create(z.strictObject(sample.options).parse({}), host())
    const decoder = judge('ExportTraceServiceRequest')
    const templates = Array.from({ length: REQUESTS }, (_, i) => new Template(traceRequest(SPANS, i + 1), i + 1))
    const batches = templates.map((template) => parseBatch('traces', template.write(Buffer.alloc(template.length))))
    let turn = 0
    const next = (): Batch => {
      turn = (turn + 1) % REQUESTS
      templates[turn].write(batches[turn].bytes as Buffer)
      return batches[turn]
    }
    const [walking, checking, decoding, decodingAndEncoding] = await spinAll(
      [
        () => {
          const batch = next()
          derived.process(batch)
          sampled.process(batch)
        },
        () => void parseBatch('traces', next().bytes),
        () => void decoder.decode(next().bytes),
        () => void decoder.encode(decoder.decode(next().bytes)).finish()
      ],
      rounds,
      seconds / 2
    )
    const row = 'walk'
    const unit = 'M spans / CPU-s'
    const spans = (runs: readonly number[]): number[] => runs.map((each) => (each * SPANS) / 1e6)
    return [
      {
        row,
        subject: 'derive and sample',
        unit,
        values: spans(walking),
        against: { subject: 'protobufjs, decode', ratios: ratios(walking, decoding) },
        budget: { of: 'ratio', bound: 'at least', limit: 10 }
      },
      { row, subject: 'the check of a request that comes before', unit, values: spans(checking) },
      { row, subject: 'protobufjs, decode', unit, values: spans(decoding) },
      { row, subject: 'protobufjs, decode and encode', unit, values: spans(decodingAndEncoding) }
    ]
  }
}
