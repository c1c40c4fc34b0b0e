import { deepStrictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { type Said, understood } from './entry.ts'

process.env.TZ = 'UTC'

const f = (line: string, said: Said): void => deepStrictEqual(understood(line), said)
/** A line whose head is all but its last words, `m`. */
const head = (line: string, time: string | undefined, level: string, severity: number, attributes?: Said['attributes']): void =>
  f(line, {
    body: 'm',
    ...(time === undefined ? {} : { time }),
    severity,
    ...(level === '' ? {} : { level }),
    ...(attributes === undefined ? {} : { attributes })
  })

const T = '2026-11-23T16:38:48.123Z'
const S = '2026-11-23T16:38:48.000Z'

test('plain text stays as it is', () => {
  f('', { body: '' })
  f('just a line', { body: 'just a line' })
  f('  indented', { body: '  indented' })
  f('a line\r', { body: 'a line' })
  f('\u001b[1mbold\u001b[0m', { body: 'bold' })
  f('Information is power', { body: 'Information is power' })
  f('errors: 3', { body: 'errors: 3' })
  f('log: x', { body: 'log: x' })
  f('HTTP is a protocol', { body: 'HTTP is a protocol' })
  f('12345 things', { body: '12345 things' })
  f('2026-13-45 10:00:00 no day', { body: '2026-13-45 10:00:00 no day' })
  f('half \ud800', { body: 'half \ud800' })
})

test('klog, glog and what PyTorch makes of it', () => {
  head('I1123 16:38:48.123456   12345 server.go:12] m', '2026-11-23T16:38:48.123456Z', 'INFO', 9, {
    'thread.id': 12345,
    'code.file.path': 'server.go',
    'code.line.number': 12
  })
  head('F20261123 16:38:48.123456   1 a/b.cc:3] m', '2026-11-23T16:38:48.123456Z', 'FATAL', 21, {
    'thread.id': 1,
    'code.file.path': 'a/b.cc',
    'code.line.number': 3
  })
  head('[rank3]:[W814 12:00:00.000000 ProcessGroupNCCL.cpp:1] m', '2026-08-14T12:00:00.000Z', 'WARNING', 13, {
    'process.rank': 3,
    'code.file.path': 'ProcessGroupNCCL.cpp',
    'code.line.number': 1
  })
})

test('klog with fields', () => {
  f('E1123 16:38:48.123456 1 a.go:1] "Sync \\"pod\\" failed" err="timed out" pod="ns/p" try=3', {
    time: '2026-11-23T16:38:48.123456Z',
    severity: 17,
    level: 'ERROR',
    body: 'Sync "pod" failed',
    attributes: { 'thread.id': 1, 'code.file.path': 'a.go', 'code.line.number': 1, pod: 'ns/p', try: 3, 'exception.message': 'timed out' }
  })
})

test('Python: logging, loguru, gunicorn, Ray, vLLM', () => {
  const ids = 'trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7 resource.service.name=tts trace_sampled=True'
  const place = { 'logger.name': 'app.tts', 'code.file.path': 'tts.py', 'code.line.number': 31 }
  f(`2026-11-23 16:38:48,123 WARNING [app.tts] [tts.py:31] [${ids}] - m`, {
    ...{ body: 'm', time: T, severity: 13, level: 'WARNING', service: 'tts', attributes: place },
    trace: '4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1'
  })
  const none = 'trace_id=0 span_id=0 resource.service.name= trace_sampled=False'
  head(`2026-11-23 16:38:48,123 WARNING [app.tts] [tts.py:31] [${none}] - m`, T, 'WARNING', 13, place)
  head('WARNING:root:m', undefined, 'WARNING', 13, { 'logger.name': 'root' })
  head('2026-11-23 16:38:48,123 - my.app - ERROR - m', T, 'ERROR', 17, { 'logger.name': 'my.app' })
  head('2026-11-23 16:38:48,123 my.app INFO m', T, 'INFO', 9, { 'logger.name': 'my.app' })
  head('2026-11-23 16:38:48,123 CRITICAL m', T, 'CRITICAL', 21)
  head('2026-11-23 16:38:48.123 | SUCCESS  | a.b:<module>:46 - m', T, 'SUCCESS', 10, {
    'logger.name': 'a.b',
    'code.function.name': '<module>',
    'code.line.number': 46
  })
  head('[2026-11-23 16:38:48 +0000] [123] [INFO] m', S, 'INFO', 9, { 'process.pid': 123 })
  head('INFO:     m', undefined, 'INFO', 9)
  head('2026-11-23 16:38:48,123\tINFO worker.py:12 -- m', T, 'INFO', 9, { 'code.file.path': 'worker.py', 'code.line.number': 12 })
  head('INFO 11-23 16:38:48 [core.py:5] m', S, 'INFO', 9, { 'code.file.path': 'core.py', 'code.line.number': 5 })
  head('WARNING 11-23 16:38:48 api_server.py:5] m', S, 'WARNING', 13, { 'code.file.path': 'api_server.py', 'code.line.number': 5 })
  head('(EngineCore_0 pid=77) INFO 11-23 16:38:48 [core.py:5] m', S, 'INFO', 9, {
    'process.title': 'EngineCore_0',
    'process.pid': 77,
    'code.file.path': 'core.py',
    'code.line.number': 5
  })
  head('\u001b[2m2026-11-23T16:38:48.123Z\u001b[0m [\u001b[33mwarning  \u001b[0m] m', T, 'warning', 13)
})

test('NCCL', () => {
  const attributes = { 'host.name': 'h100-1', 'process.pid': 12, 'thread.id': 34, 'gpu.index': 2 }
  head('h100-1:12:34 [2] NCCL WARN m', undefined, 'WARN', 13, attributes)
  head('[2026-11-23 16:38:48] h100-1:12:34 [2] NCCL INFO m', S, 'INFO', 9, attributes)
  head('h100-1:12:34 [2] misc/socket.cc:7 NCCL WARN m', undefined, 'WARN', 13, {
    ...attributes,
    'code.file.path': 'misc/socket.cc',
    'code.line.number': 7
  })
})

test('JVM, .NET, Rust, Go, databases, web servers', () => {
  head('2026-11-23 16:38:48.123  INFO 1 --- [main] c.e.App : m', T, 'INFO', 9, {
    'process.pid': 1,
    'thread.name': 'main',
    'logger.name': 'c.e.App'
  })
  f('2026-11-23T16:38:48.123Z  WARN 1 --- [app] [  http-1] c.e.App   : m', {
    time: T,
    severity: 13,
    level: 'WARN',
    body: 'm',
    service: 'app',
    attributes: { 'process.pid': 1, 'thread.name': 'http-1', 'logger.name': 'c.e.App' }
  })
  head('16:38:48.123 [main] DEBUG c.e.App - m', T, 'DEBUG', 5, { 'thread.name': 'main', 'logger.name': 'c.e.App' })
  head('2026-11-23 16:38:48,123 INFO [main] c.e.App: m', T, 'INFO', 9, { 'thread.name': 'main', 'logger.name': 'c.e.App' })
  head('Nov 23, 2026 4:38:48 PM M main\nSEVERE: m', S, 'SEVERE', 17, { 'logger.name': 'M', 'code.function.name': 'main' })
  head('info: Microsoft.Hosting.Lifetime[14]\n      m', undefined, 'info', 9, { 'logger.name': 'Microsoft.Hosting.Lifetime', EventId: 14 })
  head('[2026-11-23T16:38:48Z INFO  my_app::server] m', S, 'INFO', 9, { 'logger.name': 'my_app::server' })
  head('2026-11-23T16:38:48.123456Z  INFO my_app::server: m', '2026-11-23T16:38:48.123456Z', 'INFO', 9, { 'logger.name': 'my_app::server' })
  head('2026-11-23T16:38:48.123Z\tERROR\ttts/main.go:42\tm\t{"port": 80}', T, 'ERROR', 17, {
    'code.file.path': 'tts/main.go',
    'code.line.number': 42,
    port: 80
  })
  f('2026/11/23 16:38:48 plain go', { time: S, body: 'plain go' })
  head('2026-11-23 16:38:48.123 UTC [123] LOG:  m', T, 'LOG', 9, { 'process.pid': 123 })
  head('2026/11/23 16:38:48 [error] m', S, 'error', 17)
  head('[Mon Nov 23 16:38:48.123456 2026] [core:error] [pid 1:tid 2] m', '2026-11-23T16:38:48.123456Z', 'error', 17, {
    'logger.name': 'core',
    'process.pid': 1,
    'thread.id': 2
  })
  head('<4>m', undefined, 'warning', 13)
  head('[WARN] m', undefined, 'WARN', 13)
  head('ERROR m', undefined, 'ERROR', 17)
})

test('syslog daemons’ files', () => {
  f('Nov 23 16:38:48 node-1 sshd[123]: m', {
    time: S,
    body: 'm',
    service: 'sshd',
    attributes: { 'host.name': 'node-1', 'process.pid': 123 }
  })
  f('2026-11-23T16:38:48.123+00:00 node-1 kubelet[9]: m', {
    time: T,
    body: 'm',
    service: 'kubelet',
    attributes: { 'host.name': 'node-1', 'process.pid': 9 }
  })
})

test('access logs', () => {
  const line = (status: number): string =>
    `1.2.3.4 - bob [23/Nov/2026:17:38:48 +0100] "GET /a?b=1 HTTP/1.1" ${status} 12 "-" "curl/8 \\"x\\""`
  const g = (status: number, severity: number): void =>
    f(line(status), {
      time: S,
      severity,
      body: line(status),
      attributes: {
        'client.address': '1.2.3.4',
        'user.name': 'bob',
        'http.request.method': 'GET',
        'url.path': '/a',
        'url.query': 'b=1',
        'network.protocol.version': '1.1',
        'http.response.status_code': status,
        'http.response.body.size': 12,
        'user_agent.original': 'curl/8 \\"x\\"'
      }
    })
  g(200, 9)
  g(404, 13)
  g(502, 17)
})

test('logfmt', () => {
  f('time=2026-11-23T16:38:48.123Z level=warn msg="two \\"words\\"\\n" took=1.5 id=007 ok=true bare', {
    time: T,
    severity: 13,
    level: 'warn',
    body: 'two "words"\n',
    attributes: { took: 1.5, id: '007', ok: true, bare: true }
  })
  f('a=1 event="two words" level=warning timestamp=2026-11-23T16:38:48Z', {
    time: S,
    severity: 13,
    level: 'warning',
    body: 'two words',
    attributes: { a: 1 }
  })
  f('a=1 b=2', { body: 'a=1 b=2', attributes: { a: 1, b: 2 } })
  f('x=1 is one pair', { body: 'x=1 is one pair' })
  f('x=1 y=2 in a sentence', { body: 'x=1 y=2 in a sentence' })
  f('url=http://a/?b="c', { body: 'url=http://a/?b="c' })
})

test('ids in a line of text', () => {
  const TRACE = '0af7651916cd43dd8448eb211c80319c'
  f(`2026-11-23 16:38:48,123 INFO [a] [trace_id=${TRACE} span_id=b7ad6b7169203331 trace_sampled=True] - m`, {
    time: T,
    severity: 9,
    level: 'INFO',
    body: `[a] [trace_id=${TRACE} span_id=b7ad6b7169203331 trace_sampled=True] - m`,
    trace: `${TRACE}-b7ad6b7169203331-1`
  })
  f('INFO [dd.service=x dd.trace_id=1234567890123456789 dd.span_id=456] m', {
    severity: 9,
    level: 'INFO',
    body: '[dd.service=x dd.trace_id=1234567890123456789 dd.span_id=456] m',
    attributes: { 'dd.trace_id': '1234567890123456789', 'dd.span_id': '456' }
  })
  f('done, correlationId: req-1', { body: 'done, correlationId: req-1', attributes: { 'correlation.id': 'req-1' } })
})

test('Spring Boot 3 names the application and the trace', () => {
  const context = `${'5b8efff798038103d269b633813fc60c'}-${'eee19b7ec3c1b174'}`
  const attributes = { 'process.pid': 7, 'thread.name': 'http-1', 'logger.name': 'c.e.App' }
  const g = (brackets: string, more: Said): void =>
    f(`2026-11-23T16:38:48.123Z  INFO 7 --- ${brackets} c.e.App : m`, {
      time: T,
      severity: 9,
      level: 'INFO',
      body: 'm',
      attributes,
      ...more
    })
  g('[http-1]', {})
  g('[demo] [  http-1]', { service: 'demo' })
  g(`[demo] [http-1] [${context}]`, { service: 'demo', trace: `${context}-0` })
  g(`[http-1] [${context}]`, { trace: `${context}-0` })
  g(`[demo] [http-1] [${' '.repeat(49)}]`, { service: 'demo' })
})

test('the console of .NET tells the number of an event', () => {
  const logger = { 'logger.name': 'App.Worker' }
  f('fail: App.Worker[1001]\n      m', { severity: 17, level: 'fail', body: 'm', attributes: { ...logger, EventId: 1001 } })
  f('info: App.Worker[0]\n      m', { severity: 9, level: 'info', body: 'm', attributes: logger })
})

test('a time that is ahead of the clock is none, and the rest of the head holds', () => {
  const g = (line: string, level: string, severity: number, attributes: Said['attributes'] = {}): void =>
    f(line, { severity, level, body: 'm', attributes: { ...attributes, 'log.record.original': line } })
  // As a container writes it whose zone is east of the gateway's.
  g('2026-11-23 22:30:00,123 - svc.jobs - ERROR - m', 'ERROR', 17, { 'logger.name': 'svc.jobs' })
  g('2026-11-23T18:00:00.001Z WARN m', 'WARN', 13)
  g('[19:30:00 ERR] m', 'ERR', 17)
  g('19:30:00.123 [main] ERROR com.foo.Bar - m', 'ERROR', 17, { 'thread.name': 'main', 'logger.name': 'com.foo.Bar' })
  const place = { 'code.file.path': 'a.go', 'code.line.number': 3 }
  g('E1124 16:38:48.123456 7 a.go:3] m', 'ERROR', 17, { 'thread.id': 7, ...place })
  g('INFO 11-24 12:00:00 [a.go:3] m', 'INFO', 9, place)
})

test('zap for people, with a named logger', () => {
  head('2026-11-23T16:38:48.123Z\tINFO\tdub.tts\tapp/main.go:10\tm', T, 'INFO', 9, {
    'logger.name': 'dub.tts',
    'code.file.path': 'app/main.go',
    'code.line.number': 10
  })
})

test('a script that Python cannot read is an exception', () => {
  const text = '  File "/app/x.py", line 3\n    foo(\n       ^\nSyntaxError: \'(\' was never closed'
  f(text, {
    body: text,
    severity: 17,
    attributes: { 'exception.type': 'SyntaxError', 'exception.message': "'(' was never closed", 'exception.stacktrace': text }
  })
})

test('the traceback of loguru says what was thrown', () => {
  const text =
    'Traceback (most recent call last):\n\n  File "a.py", line 9, in <module>\n    f()\n    \u2514 <function f>\n\n> File "a.py", line 4, in f\n    1/0\n\nZeroDivisionError: division by zero'
  const { attributes } = understood(text)
  deepStrictEqual([attributes?.['exception.type'], attributes?.['exception.message']], ['ZeroDivisionError', 'division by zero'])
})
