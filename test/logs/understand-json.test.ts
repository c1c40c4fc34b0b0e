import { deepStrictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { LogEntry } from '../../src/logs/log-entry.ts'
import { NOW_MS, type Said, understood, understoodObject } from './entry.ts'

// A producer without a zone writes local time, so this is where they all are.
process.env.TZ = 'UTC'

const f = (line: string | object, said: Said): void =>
  deepStrictEqual(understood(typeof line === 'string' ? line : JSON.stringify(line)), said)

const TRACEBACK =
  'Traceback (most recent call last):\n  File "p.py", line 13, in <module>\n    try: 1/0\n         ~^~\nZeroDivisionError: division by zero'
const STACK =
  'TypeError: bad thing\n    at Object.<anonymous> (/app/p.cjs:9:73)\n    at Module._compile (node:internal/modules/cjs/loader:1521:14)'
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'

test('winston 3.19', () => {
  f(
    '{"correlationId":"req-abc123","duration":125.5,"level":"info","message":"Video processing started","projectId":"proj-456","service":"dubbing-backend","stage":"stt","timestamp":"2026-11-23T16:38:47.904Z","userId":"user-xyz789"}',
    {
      time: '2026-11-23T16:38:47.904Z',
      severity: 9,
      level: 'info',
      body: 'Video processing started',
      service: 'dubbing-backend',
      attributes: {
        'correlation.id': 'req-abc123',
        duration: 125.5,
        'project.id': 'proj-456',
        'job.stage': 'stt',
        'user.id': 'user-xyz789'
      }
    }
  )
  f(
    { level: 'error', message: 'bad thing', stack: STACK, timestamp: '2026-11-23T16:38:47.906Z' },
    {
      time: '2026-11-23T16:38:47.906Z',
      severity: 17,
      level: 'error',
      body: 'bad thing',
      attributes: { 'exception.type': 'TypeError', 'exception.message': 'bad thing', 'exception.stacktrace': STACK }
    }
  )
  f('{"level":"\\u001b[33mwarn\\u001b[39m","message":"careful"}', { severity: 13, level: 'warn', body: 'careful' })
  f('\u001b[32minfo\u001b[39m: hello {"duration":125.5,"stage":"stt"}', {
    severity: 9,
    level: 'info',
    body: 'hello',
    attributes: { duration: 125.5, 'job.stage': 'stt' }
  })
  f('{"@fields":{"duration":125.5,"level":"info","stage":"stt"},"@message":"hello"}', {
    severity: 9,
    level: 'info',
    body: 'hello',
    attributes: { '@fields.duration': 125.5, 'job.stage': 'stt' }
  })
})

test('pino 10 and bunyan', () => {
  f('{"level":30,"time":1795451927909,"pid":17775,"hostname":"vm","reqId":"r-1","correlationId":"c-1","msg":"started"}', {
    time: '2026-11-23T16:38:47.909Z',
    severity: 9,
    level: 'info',
    body: 'started',
    attributes: { 'process.pid': 17775, 'host.name': 'vm', 'request.id': 'r-1', 'correlation.id': 'c-1' }
  })
  f(
    {
      level: 50,
      time: 1795451927910,
      err: {
        type: 'Error',
        message: 'outer: inner',
        stack: 'Error: outer\n    at a (a.js:1:1)\ncaused by: TypeError: inner\n    at b (b.js:1:1)',
        code: 'E1'
      },
      msg: 'outer'
    },
    {
      time: '2026-11-23T16:38:47.910Z',
      severity: 17,
      level: 'error',
      body: 'outer',
      attributes: {
        'err.code': 'E1',
        'exception.type': 'Error',
        'exception.message': 'outer: inner',
        'exception.stacktrace': 'Error: outer\n    at a (a.js:1:1)\ncaused by: TypeError: inner\n    at b (b.js:1:1)'
      }
    }
  )
  f(
    {
      level: 50,
      err: {
        type: 'AggregateError',
        message: 'many',
        stack: 'AggregateError: many',
        aggregateErrors: [{ type: 'Error', message: 'a', stack: 'Error: a\n    at x' }]
      },
      msg: 'm'
    },
    {
      severity: 17,
      level: 'error',
      body: 'm',
      attributes: {
        'exception.type': 'AggregateError',
        'exception.message': 'many',
        'exception.stacktrace': 'AggregateError: many\n[0] Error: a\n    at x'
      }
    }
  )
  f(
    `{"level":30,"req":{"id":7,"method":"GET","headers":{"traceparent":"00-${TRACE}-${SPAN}-01","x-correlation-id":"c-9"}},"res":{"statusCode":200},"msg":"request completed"}`,
    {
      severity: 9,
      level: 'info',
      body: 'request completed',
      trace: `${TRACE}-${SPAN}-1`,
      attributes: { 'request.id': '7', 'req.method': 'GET', 'correlation.id': 'c-9', 'res.statusCode': 200 }
    }
  )
  f(
    '{"name":"worker","hostname":"vm","pid":1,"level":60,"err":{"message":"boom","name":"Error","stack":"Error: boom"},"msg":"died","time":"2026-11-23T16:38:47.914Z","v":0}',
    {
      time: '2026-11-23T16:38:47.914Z',
      severity: 21,
      level: 'fatal',
      body: 'died',
      attributes: {
        'host.name': 'vm',
        'process.pid': 1,
        v: 0,
        'exception.type': 'Error',
        'exception.message': 'boom',
        'exception.stacktrace': 'Error: boom',
        name: 'worker'
      }
    }
  )
})

test('Python: structlog, python-json-logger, loguru, ecs-logging', () => {
  f(
    '{"correlation_id": "req-1", "stage": "stt", "event": "Video processing started", "level": "info", "timestamp": "2026-11-23T16:38:48.021062Z"}',
    {
      time: '2026-11-23T16:38:48.021062Z',
      severity: 9,
      level: 'info',
      body: 'Video processing started',
      attributes: { 'correlation.id': 'req-1', 'job.stage': 'stt' }
    }
  )
  const exception = { 'exception.type': 'ZeroDivisionError', 'exception.message': 'division by zero', 'exception.stacktrace': TRACEBACK }
  f(
    { event: 'failed', level: 'error', timestamp: 1795451928.0214305, exception: TRACEBACK },
    {
      time: '2026-11-23T16:38:48.0214305Z',
      severity: 17,
      level: 'error',
      body: 'failed',
      attributes: exception
    }
  )
  f(
    {
      event: 'failed',
      level: 'error',
      exception: [
        { exc_type: 'ValueError', exc_value: 'outer', frames: [{ filename: 'p.py', lineno: 37, name: '<module>' }], exceptions: [] },
        {
          exc_type: 'ZeroDivisionError',
          exc_value: 'division by zero',
          frames: [{ filename: 'p.py', lineno: 35, name: 'f' }],
          exceptions: []
        }
      ]
    },
    {
      severity: 17,
      level: 'error',
      body: 'failed',
      attributes: {
        'exception.type': 'ValueError',
        'exception.message': 'outer',
        'exception.stacktrace': '    at <module> (p.py:37)\nCaused by: ZeroDivisionError: division by zero\n    at f (p.py:35)'
      }
    }
  )
  f(
    '{"asctime": "2026-11-23 16:38:47,985", "levelname": "WARNING", "name": "my.pjl", "filename": "p.py", "lineno": 11, "message": "careful"}',
    {
      time: '2026-11-23T16:38:47.985Z',
      severity: 13,
      level: 'WARNING',
      body: 'careful',
      attributes: { 'code.line.number': 11, 'logger.name': 'my.pjl', 'code.file.path': 'p.py' }
    }
  )
  f(
    { asctime: '2026-11-23 16:38:47,985', levelname: 'ERROR', message: 'failed', exc_info: TRACEBACK },
    {
      time: '2026-11-23T16:38:47.985Z',
      severity: 17,
      level: 'ERROR',
      body: 'failed',
      attributes: exception
    }
  )
  f(
    {
      text: `… failed\n${TRACEBACK}\n`,
      record: {
        exception: { type: 'ZeroDivisionError', value: 'division by zero', traceback: true },
        extra: { correlationId: 'c-1' },
        level: { name: 'ERROR' },
        message: 'failed',
        time: { timestamp: 1795451928.040252 }
      }
    },
    {
      time: '2026-11-23T16:38:48.040252Z',
      severity: 17,
      level: 'ERROR',
      body: 'failed',
      attributes: { 'correlation.id': 'c-1', ...exception, 'exception.stacktrace': `${TRACEBACK}\n` }
    }
  )
  f(
    `{"@timestamp":"2026-11-23T16:38:47.987Z","log.level":"error","message":"lookup","ecs.version":"1.6.0","error":{"message":"'k'","stack_trace":"  File \\"p.py\\"\\n","type":"KeyError"},"log":{"logger":"my.ecs","origin":{"file":{"line":19,"name":"p.py"}}},"service":{"name":"tts"},"trace":{"id":"${TRACE}"},"span":{"id":"${SPAN}"}}`,
    {
      time: '2026-11-23T16:38:47.987Z',
      severity: 17,
      level: 'error',
      body: 'lookup',
      service: 'tts',
      trace: `${TRACE}-${SPAN}-0`,
      attributes: {
        'ecs.version': '1.6.0',
        'logger.name': 'my.ecs',
        'code.line.number': 19,
        'code.file.path': 'p.py',
        'exception.type': 'KeyError',
        'exception.message': "'k'",
        'exception.stacktrace': '  File "p.py"\n'
      }
    }
  )
})

test('Go: slog, zap, zerolog, logrus, components of Kubernetes', () => {
  f(
    '{"time":"2026-11-23T16:38:48.272313713Z","level":"INFO","source":{"function":"main.main","file":"/app/m.go","line":3},"msg":"hello","req":{"method":"GET"}}',
    {
      time: '2026-11-23T16:38:48.272313713Z',
      severity: 9,
      level: 'INFO',
      body: 'hello',
      attributes: { 'code.function.name': 'main.main', 'code.file.path': '/app/m.go', 'code.line.number': 3, 'req.method': 'GET' }
    }
  )
  f('{"time":"2026-11-23T16:38:48Z","level":"WARN+1","msg":"odd"}', {
    time: '2026-11-23T16:38:48.000Z',
    severity: 14,
    level: 'WARN+1',
    body: 'odd'
  })
  f(
    '{"level":"error","ts":1795451928.123456789,"logger":"tts","caller":"tts/server.go:42","msg":"failed","error":"refused","stacktrace":"main.main\\n\\t/app/main.go:12"}',
    {
      time: '2026-11-23T16:38:48.123456789Z',
      severity: 17,
      level: 'error',
      body: 'failed',
      attributes: {
        'logger.name': 'tts',
        'code.file.path': 'tts/server.go',
        'code.line.number': 42,
        'exception.message': 'refused',
        'exception.stacktrace': 'main.main\n\t/app/main.go:12'
      }
    }
  )
  f('{"level":"error","ts":1795451928,"msg":"failed","stacktrace":"main.main\\n\\t/app/main.go:12"}', {
    time: '2026-11-23T16:38:48.000Z',
    severity: 17,
    level: 'error',
    body: 'failed',
    attributes: { 'code.stacktrace': 'main.main\n\t/app/main.go:12' }
  })
  f('{"level":"debug","time":1795451928,"message":"hi"}', { time: '2026-11-23T16:38:48.000Z', severity: 5, level: 'debug', body: 'hi' })
  f('{"ts":1795451928123.4567,"caller":"app/server.go:12","msg":"Started","v":0}', {
    time: '2026-11-23T16:38:48.1234567Z',
    severity: 9,
    body: 'Started',
    attributes: { 'code.file.path': 'app/server.go', 'code.line.number': 12, v: 0 }
  })
  f('{"ts":1795451928123.4567,"msg":"Failed","err":"timed out"}', {
    time: '2026-11-23T16:38:48.1234567Z',
    severity: 17,
    body: 'Failed',
    attributes: { 'exception.message': 'timed out' }
  })
})

test('JVM, .NET, Rust and clouds', () => {
  f(
    {
      '@timestamp': '2026-11-23T16:38:48.123+01:00',
      level: 'WARN',
      level_value: 30000,
      logger_name: 'c.e.App',
      thread_name: 'main',
      message: 'm',
      stack_trace: 'java.lang.IllegalStateException: no\n\tat c.e.App.main(App.java:3)'
    },
    {
      time: '2026-11-23T15:38:48.123Z',
      severity: 13,
      level: 'WARN',
      body: 'm',
      attributes: {
        level_value: 30000,
        'logger.name': 'c.e.App',
        'thread.name': 'main',
        'exception.type': 'java.lang.IllegalStateException',
        'exception.message': 'no',
        'exception.stacktrace': 'java.lang.IllegalStateException: no\n\tat c.e.App.main(App.java:3)'
      }
    }
  )
  f(
    {
      instant: { epochSecond: 1795451928, nanoOfSecond: 123456789 },
      level: 'ERROR',
      message: 'm',
      contextMap: { traceId: TRACE, spanId: SPAN, userId: 7 },
      thrown: { name: 'E', message: 'no', extendedStackTrace: [{ class: 'c.A', method: 'f', file: 'A.java', line: 3 }] }
    },
    {
      time: '2026-11-23T16:38:48.123456789Z',
      severity: 17,
      level: 'ERROR',
      body: 'm',
      trace: `${TRACE}-${SPAN}-0`,
      attributes: { 'user.id': '7', 'exception.type': 'E', 'exception.message': 'no', 'exception.stacktrace': '    at c.A.f (A.java:3)' }
    }
  )
  f(
    { '@t': '2026-11-23T16:38:48.1234567Z', '@mt': 'Hello {Name}', Name: 'x', '@tr': TRACE, '@sp': SPAN },
    {
      time: '2026-11-23T16:38:48.1234567Z',
      severity: 9,
      level: 'Information',
      body: 'Hello x',
      trace: `${TRACE}-${SPAN}-0`,
      attributes: { Name: 'x', '@mt': 'Hello {Name}' }
    }
  )
  f(
    {
      Timestamp: '2026-11-23T16:38:48Z',
      LogLevel: 'Critical',
      Category: 'C.A',
      Message: 'm',
      Exception: 'System.Exception: no\n   at A.B()'
    },
    {
      time: '2026-11-23T16:38:48.000Z',
      severity: 21,
      level: 'Critical',
      body: 'm',
      attributes: {
        'logger.name': 'C.A',
        'exception.type': 'System.Exception',
        'exception.message': 'no',
        'exception.stacktrace': 'System.Exception: no\n   at A.B()'
      }
    }
  )
  f('{"timestamp":"2026-11-23T16:38:48.123456Z","level":"INFO","fields":{"message":"listening","port":80},"target":"my_app::server"}', {
    time: '2026-11-23T16:38:48.123456Z',
    severity: 9,
    level: 'INFO',
    body: 'listening',
    attributes: { 'fields.port': 80, target: 'my_app::server' }
  })
  f(
    {
      severity: 'CRITICAL',
      message: 'm',
      timestamp: { seconds: 1795451928, nanos: 5 },
      'logging.googleapis.com/trace': `projects/p/traces/${TRACE}`,
      'logging.googleapis.com/spanId': SPAN,
      'logging.googleapis.com/trace_sampled': true
    },
    {
      time: '2026-11-23T16:38:48.000000005Z',
      severity: 18,
      level: 'CRITICAL',
      body: 'm',
      trace: `${TRACE}-${SPAN}-1`
    }
  )
  f(
    {
      status: 'warn',
      message: 'm',
      ddsource: 'nodejs',
      service: 'api',
      dd: { trace_id: '1234567890123456789', span_id: '456', env: 'prod' }
    },
    {
      severity: 13,
      level: 'warn',
      body: 'm',
      service: 'api',
      attributes: { ddsource: 'nodejs', 'dd.env': 'prod', 'dd.trace_id': '1234567890123456789', 'dd.span_id': '456' }
    }
  )
})

test('lines inside of lines are understood once more', () => {
  f(
    { log: '{"level":"warn","msg":"inside"}\n', stream: 'stderr', time: '2026-11-23T16:38:48.123456789Z' },
    {
      time: '2026-11-23T16:38:48.123456789Z',
      severity: 13,
      level: 'warn',
      body: 'inside',
      attributes: { 'log.iostream': 'stderr' }
    }
  )
  f(
    { log: 'I1123 16:38:48.123456 7 a.go:1] hi\n', kubernetes: { pod_name: 'p', labels: { app: 'x' } } },
    {
      time: '2026-11-23T16:38:48.123456Z',
      severity: 9,
      level: 'INFO',
      body: 'hi',
      attributes: { 'k8s.pod.name': 'p', 'kubernetes.labels.app': 'x', 'thread.id': 7, 'code.file.path': 'a.go', 'code.line.number': 1 }
    }
  )
  f({ level: 'info', message: '{"message":"{\\"message\\":\\"deep\\"}"}' }, { severity: 9, level: 'info', body: '{"message":"deep"}' })
})

test('without a message the whole object is the body', () => {
  f('{"level":"info","job":{"id":7},"stage":"tts"}', {
    severity: 9,
    level: 'info',
    body: { level: 'info', job: { id: 7 }, stage: 'tts' },
    attributes: { 'job.id': '7', 'job.stage': 'tts' }
  })
  f('{}', { body: {} })
  f('{"error":{"message":"no"}}', { severity: 17, body: 'no', attributes: { 'exception.message': 'no' } })
})

test('a field that is not what its name says stays a field', () => {
  f(
    '{"msg":"m","time":12.5,"stage":{"a":1},"status":200,"stream":true,"filename":"a.mp4","stack":"prod","error":true,"trace_id":"x","v":"1"}',
    {
      body: 'm',
      attributes: {
        time: 12.5,
        'stage.a': 1,
        status: 200,
        stream: true,
        stack: 'prod',
        error: true,
        trace_id: 'x',
        v: '1',
        filename: 'a.mp4'
      }
    }
  )
  f('{"msg":"m","event":"e","timestamp":"2026-11-23T16:00:00Z","time":"2026-11-23T15:00:00Z"}', {
    time: '2026-11-23T16:00:00.000Z',
    body: 'm',
    attributes: { event: 'e', time: '2026-11-23T15:00:00Z' }
  })
  f('{"msg":"m","time":"2026-11-23T19:00:00Z"}', { body: 'm', attributes: { time: '2026-11-23T19:00:00Z' } })
  f('{"msg":"m","trace_id":"0","span_id":"0000000000000000"}', { body: 'm' })
})

test('nothing is lost in silence', () => {
  const original = (line: string, said: Said): void => f(line, { ...said, attributes: { ...said.attributes, 'log.record.original': line } })
  original('{"msg":"m","a":1,"a":2}', { body: 'm', attributes: { a: 2 } })
  original('{"msg":"m","b":{"a":1,"a":2}}', { body: 'm', attributes: { 'b.a': 2 } })
  original('{"msg":"m","a":0.12345678901234567891}', { body: 'm', attributes: { a: 0.12345678901234568 } })
  f('{"msg":"m\\":1","a":9007199254740993,"b":[-9223372036854775808],"c":123456789012345678901}', {
    body: 'm":1',
    attributes: { a: 9007199254740993n, b: [-(2n ** 63n)], c: '123456789012345678901' }
  })
  const many = JSON.stringify(Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`k${i}`, i])).valueOf())
  const said = understood(`{"msg":"m",${many.slice(1)}`)
  deepStrictEqual([Object.keys(said.attributes ?? {}).length, said.dropped], [129, 72])
  deepStrictEqual(
    understood(`{"msg":"m","zz":1,${many.slice(1, -1)},"correlationId":"c","err":"no"}`).attributes?.['exception.message'],
    'no'
  )
  f('{"msg":"m", "broken', { body: '{"msg":"m", "broken' })
  f('{"__proto__":{"x":1},"msg":"m","constructor":2}', { body: 'm', attributes: { '__proto__.x': 1, constructor: 2 } })
})

test('what the way it came said stays where the line says nothing', () => {
  const entry = new LogEntry()
  const from = (line: string): Said => {
    entry.reset(NOW_MS)
    entry.timeMs = NOW_MS - 1000
    entry.severityNumber = 9
    entry.severityText = 'info'
    entry.serviceName = 'tag'
    entry.add('host.name', 'outer')
    return understood(line, 'auto', entry)
  }
  deepStrictEqual(from('plain'), {
    time: '2026-11-23T16:59:59.000Z',
    severity: 9,
    level: 'info',
    body: 'plain',
    service: 'tag',
    attributes: { 'host.name': 'outer' }
  })
  deepStrictEqual(from('{"msg":"m","level":"error","time":1795451928000,"service":"own","hostname":"inner"}'), {
    time: '2026-11-23T16:38:48.000Z',
    severity: 17,
    level: 'error',
    body: 'm',
    service: 'own',
    attributes: { 'host.name': 'inner' }
  })
})

test('structures are understood as lines of JSON are', () => {
  deepStrictEqual(understoodObject({ msg: 'm', level: 'warn', n: 5n, bytes: Uint8Array.of(1) }), {
    severity: 13,
    level: 'warn',
    body: 'm',
    attributes: { n: 5n, bytes: Uint8Array.of(1) }
  })
})

test('a format that is named is kept to', () => {
  const g = (format: 'json' | 'logfmt' | 'text', line: string, said: Said): void => deepStrictEqual(understood(line, format), said)
  g('text', '{"msg":"m"}', { body: '{"msg":"m"}' })
  g('text', 'a=1 msg=b', { body: 'a=1 msg=b' })
  g('json', 'a=1 msg=b', { body: 'a=1 msg=b' })
  g('json', '[1,{"a":2}]', { body: [1, { a: 2 }] })
  g('json', 'INFO:a:b', { body: 'INFO:a:b' })
  g('logfmt', 'msg=hello', { body: 'hello' })
  g('logfmt', 'hello', { body: 'hello' })
  g('logfmt', '{"msg":"m"}', { body: '{"msg":"m"}' })
})

test('a field that says that there is no error is none', () => {
  for (const none of ['null', '<nil>', 'nil', 'None', 'undefined']) {
    f({ level: 'info', msg: 'm', err: none }, { severity: 9, level: 'info', body: 'm', attributes: { err: none } })
    deepStrictEqual(understood(`level=info msg=m err="${none}"`), { severity: 9, level: 'info', body: 'm', attributes: { err: none } })
  }
})

test('zap with names of one letter', () => {
  const f = (line: object, said: object): void => deepStrictEqual(understood(JSON.stringify(line)), said)
  const zap = { L: 'WARN', T: '2026-11-23T16:38:48.123Z', N: 'dub', C: 'app/main.go:10', M: 'slow', lang: 'fr' }
  const told = { time: '2026-11-23T16:38:48.123Z', severity: 13, level: 'WARN', body: 'slow' }
  const place = { 'logger.name': 'dub', 'code.file.path': 'app/main.go', 'code.line.number': 10 }
  f(zap, { ...told, attributes: { ...place, lang: 'fr' } })
  f({ ...zap, msg: 'mine' }, { ...told, body: 'mine', attributes: { ...place, M: 'slow', lang: 'fr' } })
  f({ L: 'a', N: 5 }, { body: { L: 'a', N: 5 } })
})

test('ids in the scopes of .NET count', () => {
  const scopes = [
    { Message: `SpanId:${SPAN}, TraceId:${TRACE}`, SpanId: SPAN, TraceId: TRACE, ParentId: '0000000000000000' },
    'text',
    { ConnectionId: '0HN1', CorrelationId: 'req-9' }
  ]
  const { trace, body, attributes } = understood(JSON.stringify({ LogLevel: 'Information', Message: 'm', Scopes: scopes }))
  deepStrictEqual([trace, body, attributes?.['correlation.id']], [`${TRACE}-${SPAN}-0`, 'm', 'req-9'])
  deepStrictEqual(Array.isArray(attributes?.Scopes), true)
  const outside = understood(JSON.stringify({ Message: 'm', CorrelationId: 'out', Scopes: scopes })).attributes
  deepStrictEqual(outside?.['correlation.id'], 'out')
})
