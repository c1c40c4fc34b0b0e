// The rules that derive ships with, in the names of the semantic conventions (https://opentelemetry.io/docs/specs/semconv/).
import type { RuleOptions } from './rules.ts'

/** Names that an attribute had in earlier conventions. Wherever a rule names an attribute, these are looked for after it. */
export const FORMER_NAMES: Readonly<Record<string, readonly string[]>> = {
  'http.request.method': ['http.method'],
  'http.response.status_code': ['http.status_code'],
  'server.address': ['net.peer.name', 'http.host'],
  'db.system.name': ['db.system'],
  'db.operation.name': ['db.operation'],
  'db.collection.name': ['db.sql.table', 'db.mongodb.collection'],
  'db.namespace': ['db.name'],
  'rpc.system.name': ['rpc.system'],
  'rpc.response.status_code': ['rpc.grpc.status_code', 'rpc.connect_rpc.error_code', 'rpc.jsonrpc.error_code'],
  'messaging.destination.name': ['messaging.destination'],
  'messaging.operation.type': ['messaging.operation'],
  'deployment.environment.name': ['deployment.environment'],
  'gen_ai.provider.name': ['gen_ai.system']
}

const STAGE = ['job.stage', 'pipeline.stage', 'stage']
const MODEL = ['gen_ai.request.model', 'model.name', 'ml.model.name', 'ml.model', 'model']
const SERVICE = ['service.name']
const OUTCOME = ['span.outcome']

// Seconds. The first four are what the conventions advise for requests, and for databases; jobs and models reach as far as their alerts do.
const REQUEST = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
const DATABASE = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]
const INFERENCE = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300]
const JOB = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600]
const ANY_SPAN = [...REQUEST, 30, 60, 300, 1800]

export const SHIPPED_RULES: Readonly<Record<string, Partial<RuleOptions>>> = {
  http: {
    kinds: ['server'],
    present: ['http.request.method'],
    counter: 'http_requests_total',
    duration: 'http_request_duration_seconds',
    help: 'HTTP requests that the service answered.',
    labels: { service: SERVICE, method: ['http.request.method'], route: ['http.route'], status: ['http.response.status_code'] },
    buckets: REQUEST
  },
  outbound: {
    kinds: ['client'],
    present: ['http.request.method'],
    duration: 'http_outbound_request_duration_seconds',
    help: 'HTTP requests that the service sent.',
    labels: { service: SERVICE, method: ['http.request.method'], server: ['server.address'], status: ['http.response.status_code'] },
    buckets: REQUEST
  },
  // Calls to others that carry the stage of the job they serve are no jobs.
  job: {
    kinds: ['internal', 'server', 'consumer'],
    present: STAGE,
    duration: 'job_processing_duration_seconds',
    help: 'Jobs by stage.',
    labels: { service: SERVICE, stage: STAGE, outcome: OUTCOME },
    buckets: JOB
  },
  model: {
    present: MODEL,
    duration: 'model_inference_duration_seconds',
    help: 'Inference calls by model.',
    labels: { service: SERVICE, model: MODEL, outcome: OUTCOME },
    buckets: INFERENCE
  },
  database: {
    kinds: ['client'],
    present: ['db.system.name'],
    duration: 'db_query_duration_seconds',
    help: 'Database operations, as their clients saw them.',
    labels: { service: SERVICE, system: ['db.system.name'], operation: ['db.operation.name'], outcome: OUTCOME },
    buckets: DATABASE
  },
  rpc: {
    kinds: ['server', 'client'],
    present: ['rpc.system.name'],
    duration: 'rpc_call_duration_seconds',
    help: 'Remote procedure calls, answered (server) and sent (client).',
    labels: {
      service: SERVICE,
      kind: ['span.kind'],
      system: ['rpc.system.name'],
      rpc_service: ['rpc.service'],
      method: ['rpc.method'],
      status: ['rpc.response.status_code']
    },
    buckets: REQUEST
  },
  messaging: {
    kinds: ['consumer', 'producer', 'client'],
    present: ['messaging.system'],
    duration: 'queue_operation_duration_seconds',
    help: 'Messages sent, received and processed.',
    labels: {
      service: SERVICE,
      system: ['messaging.system'],
      destination: ['messaging.destination.template', 'messaging.destination.name'],
      operation: ['messaging.operation.type', 'messaging.operation.name'],
      outcome: OUTCOME
    },
    buckets: REQUEST
  },
  // Named as the Collector's span metrics connector names them, so that dashboards made for it fit.
  spans: {
    counter: 'traces.span.metrics.calls',
    duration: 'traces.span.metrics.duration',
    help: 'All spans.',
    labels: { 'service.name': SERVICE, 'span.name': ['span.name'], 'span.kind': ['span.kind'], 'status.code': ['status.code'] },
    buckets: ANY_SPAN
  }
}
