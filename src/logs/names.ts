import type { Propagation } from './trace-context.ts'

/** What a field of a known name is for. */
export type Role =
  | 'message'
  | 'formatted' // the whole record once more, as a text for people
  | 'name' // the logger's in Python, the program's in JavaScript
  | 'level'
  | 'time'
  | 'error' // an error as an object, or as a text
  | 'stack' // a stack trace as a text, or as a list of frames
  | 'errorType'
  | 'errorMessage'
  | 'service'
  | 'traceId'
  | 'spanId'
  | 'flags'
  | 'context' // a whole trace context, as a header spells it
  | 'datadogTrace'
  | 'datadogSpan'
  | 'attribute' // the same under another name
  | 'id' // the same, always as a text
  | 'file' // of the source code, if a line is told too
  | 'place' // file:line
  | 'stream' // stdout or stderr
  | 'scopes' // a list of what a line of .NET stands in
  | 'verbosity' // of components of Kubernetes, which have no level

export interface Known {
  readonly role: Role
  /** Of several fields with one role the lowest counts, the others are attributes. */
  readonly rank: number
  /** Roles `attribute` and `id`: the attribute's name. */
  readonly name: string
  /** Counts inside of CONTEXTS too. */
  readonly anywhere: boolean
  readonly propagation: Propagation
}

/** Fields by name; a nested one by its path with dots. Writers disagree on names more than on anything else, so this is the only place for them. */
export const KNOWN: ReadonlyMap<string, Known> = new Map([
  ...ranked('message', 'message msg short_message event Message @m record.message body log fields.message @message @mt'),
  ...ranked(
    'level',
    'level levelname severity severity_text severityText log.level lvl status LogLevel @l record.level.name loglevel log_level fields.level @fields.level'
  ),
  ...ranked('time', 'timestamp @timestamp time ts @t instant asctime datetime date Timestamp timeMillis record.time.timestamp eventTime'),
  ...ranked('error', 'err error exception exc thrown record.exception'),
  ...ranked(
    'stack',
    'stack stack_trace stackTrace stacktrace exc_info exc_text traceback @x Exception error.stack_trace error.stack error.stacktrace exception.stacktrace'
  ),
  ...ranked('errorType', 'error.type error.kind error.name exception.type exception_type error_type'),
  ...ranked('errorMessage', 'error.message error.msg exception.message exception_message error_message'),
  ...ranked('service', 'service.name service serviceName service_name otelServiceName dd.service'),

  ...ranked('traceId', 'trace_id traceId traceID TraceId traceid trace.id otelTraceID oteltraceid @tr logging.googleapis.com/trace', true),
  ...ranked('spanId', 'span_id spanId spanID SpanId spanid span.id otelSpanID otelspanid @sp logging.googleapis.com/spanId', true),
  ...ranked('flags', 'trace_flags traceFlags TraceFlags otelTraceSampled trace_sampled logging.googleapis.com/trace_sampled', true),
  ...ranked('datadogTrace', 'dd.trace_id dd_trace_id', true),
  ...ranked('datadogSpan', 'dd.span_id dd_span_id', true),
  ...header('traceparent', 'traceparent', 1),
  ...header('b3', 'b3', 2),
  ...header('uber-trace-id', 'jaeger', 3),
  ...header('x-amzn-trace-id', 'xray', 4),
  ...header('X-Amzn-Trace-Id', 'xray', 4),
  ...header('sentry-trace', 'sentry', 5),
  ...header('sentry_trace', 'sentry', 5),
  ...ranked('traceId', 'x-b3-traceid X-B3-TraceId', true, 20),
  ...ranked('spanId', 'x-b3-spanid X-B3-SpanId', true, 20),

  ...renamed(
    'id',
    'correlation.id',
    'correlation.id correlationId correlation_id correlationID correlationid CorrelationId x-correlation-id X-Correlation-ID',
    true
  ),
  ...renamed(
    'id',
    'request.id',
    'request.id request_id requestId requestID requestid RequestId reqId req_id x-request-id X-Request-ID req.id',
    true
  ),
  ...renamed('id', 'user.id', 'user.id userId user_id userID usr.id', true),
  ...renamed('id', 'project.id', 'project.id projectId project_id projectID', true),
  ...renamed('id', 'job.id', 'job.id jobId job_id jobID', true),
  ...renamed('attribute', 'job.stage', 'job.stage stage', true),

  ...renamed('attribute', 'host.name', 'hostname host.hostname host_name'),
  ...renamed('attribute', 'process.pid', 'pid process_id processId record.process.id'),
  ...renamed('attribute', 'thread.name', 'thread_name threadName thread.name process.thread.name record.thread.name'),
  ...renamed('attribute', 'thread.id', 'thread_id threadId process.thread.id record.thread.id'),
  ...renamed('attribute', 'logger.name', 'logger logger_name loggerName log.logger SourceContext Category record.name'),
  ...renamed('attribute', 'code.function.name', 'funcName func_name source.function log.origin.function record.function'),
  ...renamed('attribute', 'code.file.path', 'source.file log.origin.file.name record.file.path'),
  ...renamed('attribute', 'code.line.number', 'lineno line_number source.line log.origin.file.line record.line'),
  ...ranked('file', 'pathname filename'),
  ...ranked('formatted', 'text'),
  ...ranked('name', 'name'),
  ...ranked('place', 'caller'),
  ...ranked('scopes', 'Scopes'),
  ...ranked('verbosity', 'v'),
  ...ranked('stream', 'stream'),

  ...renamed('attribute', 'k8s.namespace.name', 'kubernetes.namespace_name'),
  ...renamed('attribute', 'k8s.pod.name', 'kubernetes.pod_name'),
  ...renamed('attribute', 'k8s.pod.uid', 'kubernetes.pod_id'),
  ...renamed('attribute', 'k8s.container.name', 'kubernetes.container_name'),
  ...renamed('attribute', 'k8s.node.name', 'kubernetes.host'),
  ...renamed('attribute', 'container.id', 'kubernetes.docker_id container_id'),
  ...renamed('attribute', 'container.name', 'container_name'),
  ...renamed('attribute', 'container.image.name', 'kubernetes.container_image')
])

/** Where programs keep what they know of the request; names that count anywhere count there too. In headers case does not matter. */
export const CONTEXTS: ReadonlySet<string> = new Set(
  'mdc MDC contextMap context ctx extra record.extra fields @fields attributes properties Properties meta metadata labels dd trace'.split(
    ' '
  )
)
export const HEADERS: ReadonlySet<string> = new Set(
  'headers req.headers request.headers http.headers http.request.headers err.config.headers'.split(' ')
)

function known(role: Role, rank: number, more: Partial<Known> = {}): Known {
  return { role, rank, name: '', anywhere: false, propagation: 'traceparent', ...more }
}

function ranked(role: Role, names: string, anywhere = false, from = 0): [string, Known][] {
  return names.split(' ').map((name, index) => [name, known(role, from + index, { anywhere })])
}

function renamed(role: 'attribute' | 'id', name: string, names: string, anywhere = false): [string, Known][] {
  return names.split(' ').map((each, index) => [each, known(role, index, { name, anywhere })])
}

function header(name: string, propagation: Propagation, rank: number): [string, Known][] {
  return [[name, known('context', rank, { propagation, anywhere: true })]]
}
