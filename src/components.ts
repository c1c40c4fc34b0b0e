import type { Definitions } from './config/config.ts'
import { datadog } from './exporters/datadog/datadog.ts'
import { otlp as otlpExporter } from './exporters/otlp.ts'
import { prometheus } from './exporters/prometheus/prometheus.ts'
import { sentry } from './exporters/sentry/sentry.ts'
import { correlate } from './processors/correlate/correlate.ts'
import { cost } from './processors/cost/cost.ts'
import { derive } from './processors/derive/derive.ts'
import { enrich } from './processors/enrich/enrich.ts'
import { errors } from './processors/errors/errors.ts'
import { limit } from './processors/limit/limit.ts'
import { redact } from './processors/redact/redact.ts'
import { sample } from './processors/sample/sample.ts'
import { stats } from './processors/stats/stats.ts'
import { datadog as datadogReceiver } from './receivers/datadog/datadog.ts'
import { files } from './receivers/files/files.ts'
import { gpu } from './receivers/gpu/gpu.ts'
import { kernel } from './receivers/kernel/kernel.ts'
import { logs } from './receivers/logs/logs.ts'
import { otlp } from './receivers/otlp/otlp.ts'
import { sentry as sentryReceiver } from './receivers/sentry/sentry.ts'

/** Every component there is. A new one is its file, its test, one line here and one block in `config/`. */
export const components: Definitions = {
  receivers: [otlp, logs, files, sentryReceiver, datadogReceiver, gpu, kernel],
  processors: [correlate, derive, stats, cost, errors, limit, sample, enrich],
  redactor: redact,
  exporters: [otlpExporter, sentry, datadog],
  folders: [prometheus]
}
