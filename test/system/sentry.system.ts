import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { booksOf } from '../support/books.ts'
import { scrape, startGateway, until } from '../support/gateway-process.ts'
import { GPU_NAME, openGpuMemory } from '../support/gpu-memory.ts'
import { SentryBackend } from '../support/sentry-backend.ts'
import { failureOf, isHere, madeOnce } from './clients.ts'

const SOURCES = join(import.meta.dirname, 'sentry-workers')
const EMAIL = 'someone@example.com'
const [FULL_MIB, EMPTY_MIB] = [79_000, 1_200]

/** A worker's program, or why there is none; and what Sentry is to know of its failure. */
interface Worker {
  readonly language: string
  readonly platform: string
  readonly skip: string | false
  readonly command: () => readonly string[]
  /** Each exception, the innermost first: type, message, and its last frames, the one that failed last. */
  readonly exceptions: readonly (readonly [type: string, value: string, ...frames: string[]])[]
  readonly file: RegExp
}

function made(
  language: string,
  tools: readonly (readonly string[])[],
  make: (dir: string, sources: string) => void
): [string | false, string] {
  for (const [program, ...args] of tools) if (!isHere(program, ...args)) return [`SKIPPED: there is no ${program} here`, '']
  const sources = join(SOURCES, language)
  try {
    return [false, madeOnce(`sentry-worker-${language}`, sources, (dir) => make(dir, sources))]
  } catch (error) {
    return [`SKIPPED: the worker in ${language} could not be made: ${failureOf(error)}`, '']
  }
}

const run = (cwd: string, program: string, ...args: string[]): void => void execFileSync(program, args, { cwd, stdio: 'pipe' })

const [pythonSkip, python] = made('python', [['python3', '-m', 'venv', '--help']], (dir, sources) => {
  run(dir, 'python3', '-m', 'venv', dir)
  run(dir, join(dir, 'bin', 'pip'), 'install', '--quiet', '--requirement', join(sources, 'requirements.txt'))
})
const [goSkip, go] = made('go', [['go', 'version']], (dir, sources) => run(sources, 'go', 'build', '-o', join(dir, 'worker'), '.'))
const [javaSkip, java] = made(
  'java',
  [
    ['javac', '-version'],
    ['mvn', '-version']
  ],
  (dir, sources) => {
    copyFileSync(join(sources, 'pom.xml'), join(dir, 'pom.xml'))
    run(dir, 'mvn', '-q', '-B', 'dependency:copy-dependencies', `-DoutputDirectory=${join(dir, 'libs')}`)
    run(dir, 'javac', '-cp', join(dir, 'libs', '*'), '-d', dir, join(sources, 'Worker.java'))
  }
)

const WORKERS: readonly Worker[] = [
  {
    ...{ language: 'Python', platform: 'python', skip: pythonSkip, file: /worker\.py$/ },
    command: () => [join(python, 'bin', 'python'), join(SOURCES, 'python', 'worker.py')],
    exceptions: [
      ['ConnectionError', 'no weights of xtts-v2', 'synthesise', 'load'],
      ['RuntimeError', 'xtts-v2 failed', 'work', 'synthesise']
    ]
  },
  {
    ...{ language: 'Node.js', platform: 'node', skip: false, file: /worker\.ts$/ },
    command: () => [process.execPath, join(SOURCES, 'node', 'worker.ts')],
    // The SDK for JavaScript records the stack of the exception, and says nothing of its cause.
    exceptions: [['Error', 'xtts-v2 failed', 'work', 'synthesise']]
  },
  {
    ...{ language: 'Go', platform: 'go', skip: goSkip, file: /main\.go$/ },
    command: () => [join(go, 'worker')],
    // Errors of Go have no stack; this one is that of the call which recorded it.
    exceptions: [['*fmt.wrapError', 'xtts-v2 failed: no weights of xtts-v2', 'main', 'synthesise']]
  },
  {
    ...{ language: 'Java', platform: 'java', skip: javaSkip, file: /^Worker\.java$/ },
    command: () => {
      const libs = readdirSync(join(java, 'libs')).map((name) => join(java, 'libs', name))
      const agent = libs.find((path) => path.includes('javaagent'))
      const path = [java, ...libs.filter((each) => each !== agent)].join(':')
      return ['java', `-javaagent:${agent}`, '-cp', path, 'Worker']
    },
    exceptions: [
      ['IllegalStateException', 'no weights of xtts-v2', 'synthesise', 'load'],
      ['RuntimeException', 'xtts-v2 failed', 'work', 'synthesise']
    ]
  }
]

for (const { language, platform, skip, command, exceptions, file } of WORKERS)
  test(`a worker in ${language} that fails in a span, in a trace that is dropped, is one issue that tells it all`, {
    skip,
    timeout: 120_000
  }, async (t) => {
    const backend = await SentryBackend.start(t)
    const gpu = openGpuMemory()
    gpu.use(FULL_MIB)
    const gateway = await startGateway(t, {
      env: { SENTRY_DSN: backend.dsn(), POD_NAME: 'tts-0', POD_NAMESPACE: 'dubbing' },
      yaml: `
receivers: { logs: off, otlp: { http: 127.0.0.1:0, grpc: off } }
admin: { listen: 127.0.0.1:0 }
facts: { gpu: { source: nvidia-smi, command: ${gpu.command}, interval: 1s } }
processors: { sample: { traces: 0%, errors: 0% } }
`
    })
    const memoryIs = (mebibytes: number) =>
      until(
        () => scrape(gateway, 'hw_gpu_memory_usage_bytes'),
        (samples) => [...samples.values()].includes(mebibytes * 2 ** 20)
      )
    await memoryIs(FULL_MIB)
    const [program, ...args] = command()
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        ...{ PATH: process.env.PATH, HOME: process.env.HOME, OTEL_EXPORTER_OTLP_ENDPOINT: gateway.http },
        ...{ OTEL_SERVICE_NAME: 'tts-worker', OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf', OTEL_METRICS_EXPORTER: 'none' },
        ...{ OTEL_RESOURCE_ATTRIBUTES: 'service.version=1.2.3', OTEL_BSP_SCHEDULE_DELAY: '60000', OTEL_BLRP_SCHEDULE_DELAY: '60000' },
        // The agent listens to all loggers; only the worker's are the trail.
        OTEL_JAVAAGENT_LOGGING: 'none'
      }
    })
    t.after(() => child.kill('SIGKILL'))
    let said = ''
    child.stderr.on('data', (chunk) => {
      said += chunk
    })
    const ended = once(child, 'exit')
    for await (const line of createInterface({ input: child.stdout })) if (line === 'raised') break
    // What is told is told later than it happened: the memory is another by then.
    const looks = gpu.looks()
    await until(
      () => gpu.looks(),
      (count) => count > looks + 1
    )
    gpu.use(EMPTY_MIB)
    await memoryIs(EMPTY_MIB)
    deepStrictEqual(backend.items('event'), [])
    child.stdin.end()
    const [code] = await ended
    strictEqual(code, 0, said)
    await until(
      () => backend.items('event').length,
      (count) => count > 0
    )
    await until(
      () => booksOf(gateway, 'logs'),
      ({ received, held }) => received > 0 && held === 0
    )
    strictEqual(await gateway.end('SIGTERM'), 0)

    deepStrictEqual(backend.violations, [])
    strictEqual(backend.count('error', 'accepted'), 1, JSON.stringify(backend.items('event').map(({ json }) => json.exception)))
    strictEqual(backend.count('span', 'accepted'), 0)
    const [{ json: event }] = backend.items('event')
    const shortName = (type: string): string => type.replace(/^java\.lang\./, '')
    deepStrictEqual(
      event.exception.values.map(({ type, value }: { type: string; value: string }) => [shortName(type), value]),
      exceptions.map(([type, value]) => [type, value])
    )
    for (const [i, [, , ...functions]] of exceptions.entries()) {
      const { frames } = event.exception.values[i].stacktrace
      deepStrictEqual(
        frames.slice(-functions.length).map((frame: { function: string }) => frame.function),
        functions
      )
      match(frames.at(-1).filename, file)
      ok(frames.at(-1).in_app && frames.at(-1).lineno > 0)
    }
    deepStrictEqual(event.breadcrumbs.map(({ level, message }: { level: string; message: string }) => [level, message]).slice(0, 2), [
      ['info', 'loading the model'],
      ['warning', 'retrying for [redacted:email]']
    ])
    deepStrictEqual(event.user, { id: 'user-42', email: EMAIL })
    const { model, pod, stage, service } = event.tags
    deepStrictEqual(
      { model, pod, stage, service, status: event.tags['http.status_code'] },
      { model: 'xtts-v2', pod: 'tts-0', stage: 'tts', service: 'tts-worker', status: '500' }
    )
    deepStrictEqual([event.platform, event.level, event.release], [platform, 'error', 'tts-worker@1.2.3'])
    deepStrictEqual([event.contexts.gpu.name, event.contexts.gpu.memory_used_bytes], [GPU_NAME, FULL_MIB * 2 ** 20])
    strictEqual(event.contexts.pod.name, 'tts-0')
    match(event.contexts.trace.trace_id, /^[0-9a-f]{32}$/)
    delete event.user
    ok(!JSON.stringify([event, backend.contents('log')]).includes(EMAIL))
  })
