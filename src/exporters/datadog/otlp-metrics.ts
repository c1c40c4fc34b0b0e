// The OTLP intake of metrics: https://docs.datadoghq.com/opentelemetry/setup/otlp_ingest/metrics/
import type { HttpResponse } from '../../net/http-client.ts'
import { encode } from '../../otlp/encode.ts'
import { BYTES, Fields, VARINT, WireError } from '../../otlp/wire.ts'
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
    rejected: (response) => partialSuccessOf(response)
  }
}

const NONE = { points: 0, reason: '' }
const REASON_BYTES_MAX = 200

// The wire: ExportMetricsServiceResponse { partial_success = 1 { int64 rejected_data_points = 1, string error_message = 2 } }
function partialSuccessOf({ headers, body }: HttpResponse): { points: number; reason: string } {
  if (body.length === 0 || !headers['content-type']?.includes('protobuf')) return NONE
  let { points, reason } = NONE
  try {
    const outer = new Fields().open(body, 0, body.length)
    while (outer.next()) {
      if (outer.number !== 1 || outer.type !== BYTES) continue
      const inner = new Fields().open(body, outer.start, outer.end)
      while (inner.next()) {
        if (inner.number === 1 && inner.type === VARINT) points = inner.high === 0 ? inner.low : 0
        else if (inner.number === 2 && inner.type === BYTES)
          reason = body.toString('utf8', inner.start, Math.min(inner.end, inner.start + REASON_BYTES_MAX))
      }
    }
    return { points, reason }
  } catch (error) {
    if (error instanceof WireError) return NONE
    throw error
  }
}
