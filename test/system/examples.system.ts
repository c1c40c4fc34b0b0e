// The workers of examples/, as they stand there, with the variables that injection gives them, beside a gateway with the configuration of the sidecar.
import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import * as yaml from 'yaml'
import { scrape, startGateway, sumOf, until } from '../support/gateway-process.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { failureOf, madeOnce } from './clients.ts'
import { pythonPackages } from './python-packages.ts'

const EXAMPLES = join(import.meta.dirname, '..', '..', 'examples')
const JOBS = 20
const POD = { name: 'tts-5d4f8-x7k2p', namespace: 'dubbing', uid: '0d3f5c3e-7a86-4a53-9f43-1f3a2c1b0a99', node: 'gpu-node-1' }

const FIELDS: Record<string, string> = {
  'metadata.name': POD.name,
  'metadata.namespace': POD.namespace,
  'metadata.uid': POD.uid,
  'spec.nodeName': POD.node,
  'status.podIP': '10.0.0.7',
  'status.hostIP': '127.0.0.1'
}

interface Variable {
  readonly name: string
  readonly value?: string
  readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } }
}

interface Container {
  readonly name: string
  readonly env: readonly Variable[]
}

/** The variables of a container as a kubelet makes them. */
function environmentOf({ env }: Container): Record<string, string> {
  const made: Record<string, string> = {}
  for (const { name, value = '', valueFrom } of env) {
    made[name] =
      valueFrom === undefined
        ? value.replace(/\$\$|\$\(([A-Za-z_][A-Za-z0-9_]*)\)/g, (all, reference) => (all === '$$' ? '$' : (made[reference] ?? all)))
        : FIELDS[valueFrom.fieldRef.fieldPath]
  }
  return made
}

async function run(t: TestContext, example: string, program: string, args: readonly string[], cwd: string) {
  const { spec } = yaml.parse(readFileSync(join(EXAMPLES, example, 'deployment.injected.yaml'), 'utf8')).spec.template
  const sidecar = environmentOf(spec.initContainers[0])
  const worker = environmentOf(spec.containers[0])
  const backend = await OtlpBackend.start(t)
  const logs = temporaryDirectory()
  const config = yaml.parse(sidecar.SLUICE_CONFIG_YAML)
  // Ports and directories of this machine in place of a pod's.
  const files = config.receivers?.files === undefined ? {} : { files: { ...config.receivers.files, include: [`${logs}/**/*`] } }
  const here = {
    ...config,
    receivers: { otlp: { http: '127.0.0.1:0', grpc: 'off' }, logs: 'off', datadog: 'off', ...files },
    processors: { sample: { traces: '100%' } },
    queue: { ...config.queue, dir: temporaryDirectory() },
    exporters: { otlp: { endpoint: backend.url } },
    admin: { listen: '127.0.0.1:0' }
  }
  const { SLUICE_CONFIG, SLUICE_CONFIG_YAML, ...rest } = sidecar
  const gateway = await startGateway(t, { yaml: yaml.stringify(here), env: rest })
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: gateway.http }
  await promisify(execFile)(program, args, {
    cwd,
    env: { PATH: process.env.PATH, ...worker, ...endpoint, JOBS: String(JOBS), LOG_DIRECTORY: logs },
    timeout: 240_000
  })
  await until(
    () => backend.records('logs').length,
    (count) => count >= JOBS
  )
  await until(
    () => scrape(gateway, 'sluice_items_held'),
    (held) => held.size > 0 && sumOf(held) === 0
  )
  deepStrictEqual(backend.violations, [])
  const spans = backend.records('traces')
  strictEqual(spans.length, JOBS)
  strictEqual(spans.filter(({ status }) => status?.code === 2 || status?.code === 'STATUS_CODE_ERROR').length, JOBS / 10)
  const resources = backend.received.flatMap(({ message }) =>
    [...(message.resourceSpans ?? []), ...(message.resourceLogs ?? [])].map(({ resource }) =>
      Object.fromEntries(resource.attributes.map(({ key, value }: { key: string; value: object }) => [key, Object.values(value)[0]]))
    )
  )
  const expected = {
    'k8s.pod.name': POD.name,
    'k8s.pod.uid': POD.uid,
    'k8s.namespace.name': POD.namespace,
    'k8s.node.name': POD.node,
    'k8s.deployment.name': example === 'python-worker' ? 'tts' : 'mux'
  }
  for (const resource of resources) {
    const { 'service.name': service } = resource
    deepStrictEqual({ ...resource, ...expected }, resource)
    ok(service !== undefined && !String(service).startsWith('unknown_service'), service)
  }
  return backend
}

const python = pythonPackages('example-python', join(EXAMPLES, 'python-worker'), 'what the Python worker needs')

test('the Python worker, with the variables of its injected manifest', { skip: python.skip, timeout: 120_000 }, async (t) => {
  const directory = join(EXAMPLES, 'python-worker')
  await run(t, 'python-worker', join(python.bin, 'python'), [join(directory, 'worker.py')], directory)
})

let modules = ''
let skipNode: string | false = false
try {
  modules = madeOnce('example-node', join(EXAMPLES, 'node-worker'), (dir) => {
    cpSync(join(EXAMPLES, 'node-worker', 'package.json'), join(dir, 'package.json'))
    execFileSync('npm', ['install', '--silent', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: dir, stdio: 'pipe' })
  })
} catch (error) {
  skipNode = `SKIPPED: the packages of the Node worker could not be installed: ${failureOf(error)}`
}

test('the Node worker, whose log file the sidecar reads', { skip: skipNode, timeout: 120_000 }, async (t) => {
  const directory = join(temporaryDirectory(), 'app')
  mkdirSync(directory)
  for (const file of ['worker.js', 'package.json']) cpSync(join(EXAMPLES, 'node-worker', file), join(directory, file))
  symlinkSync(join(modules, 'node_modules'), join(directory, 'node_modules'))
  const backend = await run(t, 'node-worker', process.execPath, [join(directory, 'worker.js')], directory)
  const traces = new Set(backend.records('traces').map(({ traceId }) => Buffer.from(traceId).toString('hex')))
  for (const { traceId } of backend.records('logs')) ok(traces.has(Buffer.from(traceId).toString('hex')), 'each line knows its trace')
})
