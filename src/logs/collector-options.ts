import { duration, size } from '../config/schema.ts'

/** What every receiver of lines lets its users choose of its collector. */
export const collectorOptions = {
  lineMax: size({
    default: '256KiB',
    min: '256B',
    max: '16MiB',
    doc: 'The longest line, or record of several lines; longer ones are cut and marked.'
  }),
  joinWithin: duration({ default: '1s', min: '10ms', max: '1m', doc: 'How far apart the lines of one stack trace may come.' }),
  batchMax: size({ default: '512KiB', min: '1KiB', max: '16MiB', doc: 'A batch of records goes on when it has this many bytes.' }),
  batchDelay: duration({
    default: '200ms',
    min: '1ms',
    max: '1m',
    doc: 'A batch of records goes on when the first of them has waited this long.'
  })
}
