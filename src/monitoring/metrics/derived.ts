import { of } from '../metric.ts'

const { counter, histogram } = of('derived')

/** What is made from spans before sampling: as the shipped rules of `derive` have it, and GPU cost. */
export const DERIVED_METRICS = [
  counter('http_requests_total', 'method route service status', 'HTTP requests that the service answered.'),
  histogram('http_request_duration_seconds', 'method route service status', 'HTTP requests that the service answered.'),
  histogram('http_outbound_request_duration_seconds', 'method server service status', 'HTTP requests that the service sent.'),
  histogram('job_processing_duration_seconds', 'outcome service stage', 'Jobs by stage.'),
  histogram('model_inference_duration_seconds', 'model outcome service', 'Inference calls by model.'),
  histogram('db_query_duration_seconds', 'operation outcome service system', 'Database operations, as their clients saw them.'),
  histogram(
    'rpc_call_duration_seconds',
    'service kind system rpc_service method status',
    'Remote procedure calls, answered (server) and sent (client).'
  ),
  histogram('queue_operation_duration_seconds', 'destination operation outcome service system', 'Messages sent, received and processed.'),
  counter(
    'traces_span_metrics_calls_total',
    'http_request_method http_response_status_code http_route service_name span_kind span_name status_code',
    'All spans.'
  ),
  histogram(
    'traces_span_metrics_duration_seconds',
    'http_request_method http_response_status_code http_route service_name span_kind span_name status_code',
    'All spans.'
  ),
  counter('gpu_seconds_total', 'model stage tier', 'Time on GPUs, shared among the spans that ran.'),
  counter('gpu_energy_joules_total', 'model stage tier', 'Energy of GPUs, shared among the spans that ran.')
]
