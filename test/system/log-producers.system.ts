import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { type GatewayProcess, startGateway, until } from '../support/gateway-process.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { failureOf, isHere, madeOnce } from './clients.ts'
import { pythonPackages } from './python-packages.ts'

const SOURCES = join(import.meta.dirname, 'log-producers')
const LINES = 200
const SPAN_ID = '00f067aa0ba902b7'
const WARN = 13
const traceId = (index: number): string => `4bf92f3577b34da6a3ce929d${String(index).padStart(8, '0')}`

/** What has to be installed for the tests, or why it could not be. */
function made(name: string, make: (dir: string) => void): { dir: string; skip: string | false } {
  try {
    return { dir: madeOnce(name, SOURCES, make), skip: false }
  } catch (error) {
    return { dir: '', skip: `SKIPPED: ${name} could not be installed: ${failureOf(error)}` }
  }
}

const libraries = made('log-producers', (dir) => {
  copyFileSync(join(SOURCES, 'package.json'), join(dir, 'package.json'))
  execFileSync('npm', ['install', '--silent', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: dir, stdio: 'pipe' })
})
const python = pythonPackages('log-producers-python', SOURCES, 'structlog')
// Unpacked, not installed: nothing of the machine changes.
const rsyslog = made('rsyslog', (dir) => {
  execFileSync('apt-get', ['download', 'rsyslog', 'libestr0', 'libfastjson4'], { cwd: dir, stdio: 'pipe' })
  execFileSync('sh', ['-c', 'for package in *.deb; do dpkg -x "$package" .; done'], { cwd: dir, stdio: 'pipe' })
})

interface Place {
  readonly backend: OtlpBackend
  readonly gateway: GatewayProcess
  /** Where one of the ways in is, as host:port. */
  addressOf(way: 'tcp' | 'syslog' | 'gelf'): string
}

async function place(t: TestContext): Promise<Place> {
  const backend = await OtlpBackend.start(t)
  const gateway = await startGateway(t, {
    yaml: `
receivers:
  otlp: { http: 127.0.0.1:0, grpc: off }
  logs: { tcp: 127.0.0.1:0, syslog: 127.0.0.1:0, gelf: 127.0.0.1:0, fluent: off, joinWithin: 50ms, batchDelay: 20ms }
admin: { listen: 127.0.0.1:0 }
exporters: { otlp: { endpoint: ${backend.url} } }
`
  })
  const { listening } = gateway.log.find(({ msg }) => msg === 'ready') as { listening: Record<string, string[]> }
  return { backend, gateway, addressOf: (way) => listening[way][0] }
}

/** Runs a program, whose output goes to the gateway's port for lines as `program | nc` would send it. */
async function piped(address: string, program: string, args: readonly string[]): Promise<void> {
  const [host, port] = address.split(':')
  const socket = connect(Number(port), host)
  await once(socket, 'connect')
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  child.stdout.pipe(socket)
  const [code] = await once(child, 'exit')
  strictEqual(code, 0)
  await once(socket.resume(), 'close')
}

interface Said {
  readonly body: string
  readonly severity: number
  readonly timeMs: number
  readonly traceId: string
  readonly spanId: string
  readonly service: string | undefined
  readonly attributes: Record<string, unknown>
}

/** All records, each once, when there are as many as lines. */
async function recordsAt(backend: OtlpBackend, lines = LINES): Promise<Said[]> {
  await until(
    () => backend.records('logs').length,
    (count) => count >= lines
  )
  const said: Said[] = []
  for (const { message } of backend.received)
    for (const { resource, scopeLogs } of message.resourceLogs) {
      const service = valuesOf(resource?.attributes)['service.name'] as string | undefined
      for (const { logRecords } of scopeLogs)
        for (const record of logRecords)
          said.push({
            body: record.body.stringValue,
            severity: record.severityNumber,
            timeMs: Number(record.timeUnixNano) / 1e6,
            traceId: record.traceId?.toString('hex') ?? '',
            spanId: record.spanId?.toString('hex') ?? '',
            service,
            attributes: valuesOf(record.attributes)
          })
    }
  strictEqual(said.length, lines)
  deepStrictEqual(backend.violations, [])
  return said
}

function valuesOf(attributes: readonly { key: string; value: object }[] = []): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
}

/** The records by their number, which `line N` says; each number once. */
function numbered(records: readonly Said[]): Said[] {
  const found: Said[] = []
  for (const record of records) {
    const index = Number(/^line (\d+)/.exec(record.body)?.[1])
    ok(found[index] === undefined, `line ${index} came twice`)
    found[index] = record
  }
  strictEqual(found.filter(Boolean).length, LINES)
  return found
}

/** JavaScript's libraries and structlog say the same in their own ways. */
function checkFields(records: readonly Said[], startedAtMs: number): void {
  for (const [i, record] of numbered(records).entries()) {
    strictEqual(record.body, `line ${i}`)
    strictEqual(record.severity, WARN, record.body)
    strictEqual(record.traceId, traceId(i))
    strictEqual(record.spanId, SPAN_ID)
    const { 'correlation.id': correlation, 'job.stage': stage, duration } = record.attributes
    deepStrictEqual([correlation, stage, Number(duration)], [`corr-${i}`, 'tts', i + 0.5])
    ok(record.timeMs >= startedAtMs - 1 && record.timeMs <= Date.now(), `${record.body} at ${record.timeMs}`)
  }
}

const node = (library: string, address: string): string[] => [
  join(SOURCES, 'producer.ts'),
  join(libraries.dir, 'x.js'),
  library,
  address,
  String(LINES)
]

test('Winston, whose output is piped to the port for lines', { skip: libraries.skip, timeout: 240_000 }, async (t) => {
  const { backend, addressOf } = await place(t)
  const startedAtMs = Date.now()
  await piped(addressOf('tcp'), process.execPath, node('winston', addressOf('tcp')))
  checkFields(await recordsAt(backend), startedAtMs)
})

for (const [library, way] of [
  ['pino-socket', 'tcp'],
  ['bunyan', 'tcp'],
  ['gelf-udp', 'gelf'],
  ['gelf-tcp', 'gelf']
] as const)
  test(`${library}`, { skip: libraries.skip, timeout: 240_000 }, async (t) => {
    const { backend, addressOf } = await place(t)
    const startedAtMs = Date.now()
    await promisify(execFile)(process.execPath, node(library, addressOf(way)))
    checkFields(await recordsAt(backend), startedAtMs)
  })

test('Python’s logging, in the format of OpenTelemetry', { skip: python.skip, timeout: 240_000 }, async (t) => {
  const { backend, addressOf } = await place(t)
  const startedAtMs = Date.now()
  await piped(addressOf('tcp'), join(python.bin, 'python'), [join(SOURCES, 'producer.py'), 'logging', String(LINES)])
  for (const [i, record] of numbered(await recordsAt(backend)).entries()) {
    strictEqual(record.body, `line ${i} correlationId=corr-${i}`)
    strictEqual(record.severity, WARN)
    strictEqual(record.traceId, traceId(i))
    strictEqual(record.spanId, SPAN_ID)
    strictEqual(record.service, 'tts')
    const { 'correlation.id': correlation, 'logger.name': logger, 'code.file.path': file } = record.attributes
    deepStrictEqual([correlation, logger, file], [`corr-${i}`, 'worker', 'producer.py'])
    ok(record.timeMs >= startedAtMs - 1 && record.timeMs <= Date.now(), `${record.timeMs}`)
  }
})

test('structlog', { skip: python.skip, timeout: 240_000 }, async (t) => {
  const { backend, addressOf } = await place(t)
  const startedAtMs = Date.now()
  await piped(addressOf('tcp'), join(python.bin, 'python'), [join(SOURCES, 'producer.py'), 'structlog', String(LINES)])
  checkFields(await recordsAt(backend), startedAtMs)
})

// What logger(1) tells rsyslogd, which forwards it in each of its ways.
const FORWARDS = {
  UDP: 'protocol="udp" template="RSYSLOG_SyslogProtocol23Format"',
  'UDP, in the old format': 'protocol="udp" template="RSYSLOG_TraditionalForwardFormat"',
  TCP: 'protocol="tcp" template="RSYSLOG_SyslogProtocol23Format"',
  'TCP, with lengths': 'protocol="tcp" template="RSYSLOG_SyslogProtocol23Format" TCP_Framing="octet-counted"',
  'TCP, in its default format': 'protocol="tcp"'
}
const noLogger = isHere('logger', '--version') ? false : 'SKIPPED: there is no logger(1)'

for (const [name, how] of Object.entries(FORWARDS))
  test(`rsyslog forwarding over ${name}`, { skip: rsyslog.skip || noLogger, timeout: 240_000 }, async (t) => {
    const { backend, addressOf } = await place(t)
    const dir = temporaryDirectory()
    const [host, port] = addressOf('syslog').split(':')
    const socket = join(dir, 'log')
    writeFileSync(
      join(dir, 'rsyslog.conf'),
      `module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="${socket}" CreatePath="on" RateLimit.Interval="0" UsePIDFromSystem="off")
*.* action(type="omfwd" target="${host}" port="${port}" ${how})
`
    )
    const libs = join(rsyslog.dir, 'usr', 'lib', `${{ x64: 'x86_64', arm64: 'aarch64' }[process.arch as string]}-linux-gnu`)
    const args = ['-n', '-f', join(dir, 'rsyslog.conf'), '-i', join(dir, 'pid'), '-M', join(libs, 'rsyslog')]
    const daemon = spawn(join(rsyslog.dir, 'usr', 'sbin', 'rsyslogd'), args, { env: { LD_LIBRARY_PATH: libs }, stdio: 'ignore' })
    t.after(() => daemon.kill('SIGKILL'))
    await until(
      () => existsSync(socket),
      (isThere) => isThere
    )
    const startedAtMs = Date.now()
    const lines = Array.from({ length: LINES }, (_, i) => `line ${i} trace_id=${traceId(i)} correlationId=corr-${i}`)
    const logger = spawn('logger', ['--socket', socket, '--tag', 'worker', '--priority', 'local3.warning'], {
      stdio: ['pipe', 'ignore', 'inherit']
    })
    logger.stdin.end(`${lines.join('\n')}\n`)
    strictEqual((await once(logger, 'exit'))[0], 0)
    for (const [i, record] of numbered(await recordsAt(backend)).entries()) {
      strictEqual(record.body, lines[i])
      strictEqual(record.severity, WARN)
      strictEqual(record.service, 'worker')
      strictEqual(record.traceId, traceId(i))
      strictEqual(record.attributes['correlation.id'], `corr-${i}`)
      // The old formats say no parts of a second.
      ok(record.timeMs >= startedAtMs - 1000 && record.timeMs <= Date.now() + 1000, `${record.timeMs}, began ${startedAtMs}`)
    }
  })
