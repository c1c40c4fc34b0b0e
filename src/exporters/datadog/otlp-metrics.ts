// The OTLP intake of metrics: https://docs.datadoghq.com/opentelemetry/setup/otlp_ingest/metrics/
import { encode } from '../../otlp/encode.ts'
import { partialSuccessOf } from '../../otlp/partial-success.ts'
import type { MetricsFormat } from './metrics.ts'
import type { DatadogOptions } from './options.ts'
import { cellsAsOtlp } from './otlp-cells.ts'

type Settings = Pick<DatadogOptions, 'histograms' | 'histogramAggregates' | 'resourceTags' | 'scopeTags'>

export function otlpMetrics(url: URL, { histograms, histogramAggregates, resourceTags, scopeTags }: Settings): MetricsFormat {
  const config = {
    resource_attributes_as_tags: resourceTags,
    instrumentation_scope_metadata_as_tags: scopeTags,
    histograms: { mode: histograms, send_aggregation_metrics: histogramAggregates }
  }
  return {
    request: { url, contentType: 'application/x-protobuf', headers: { 'dd-otel-metric-config': JSON.stringify(config) } },
    write: (cells) => encode('ExportMetricsServiceRequest', cellsAsOtlp(cells)),
    rejected: ({ headers, body }) => (headers['content-type']?.includes('protobuf') ? partialSuccessOf(body) : { rejected: 0, message: '' })
  }
}
