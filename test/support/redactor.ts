import * as z from 'zod'
import type { Redactor } from '../../src/component.ts'
import { redact } from '../../src/processors/redact/redact.ts'
import type { Metrics } from '../../src/telemetry/metrics.ts'
import { host } from './host.ts'

type Options = z.input<z.ZodObject<typeof redact.options>>

/** The redactor that the file would make, were these its options. */
export function redactorOf(options: Options = {}, metrics?: Metrics): Redactor {
  return redact.create(z.strictObject(redact.options).parse(options), host(metrics === undefined ? {} : { metrics }))
}
