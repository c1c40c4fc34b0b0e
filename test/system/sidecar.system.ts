import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from '../support/gateway-process.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { deploymentOf, IDENTITY, inject, MACHINE, podFrom, pythonWorker, resourcesOf } from './injected-worker.ts'
import { NodeNetwork } from './pod-network.ts'
import { runPod } from './pod-runner.ts'
import { makeSluiceImage } from './sluice-image.ts'

const { skip, lineOf } = pythonWorker()
const [SPANS, ERROR_EVERY, LOGS] = [20_000, 50, 1000]
const NO_NODE = '203.0.113.1'
const OWN_LINE = 'a line of a file of the worker'

test('an injected worker’s telemetry comes out with the identity of its pod', { skip, timeout: 180_000 }, async (t) => {
  const dir = temporaryDirectory()
  const node = await NodeNetwork.open(t)
  const backend = await OtlpBackend.start(t, { host: node.outside })
  const config = { exporters: { otlp: { endpoint: `http://${node.outside}:${backend.port}` } } }
  const script = `echo "${OWN_LINE}" >>/var/log/worker/tts.log && exec ${lineOf(SPANS, ERROR_EVERY, LOGS)}`
  const deployment = await inject(dir, { config }, deploymentOf(script, { 'sluice.dev/log-directories': '/var/log/worker' }))
  const network = await node.addPod()
  const pod = podFrom(deployment, network, NO_NODE)
  const image = makeSluiceImage(dir)
  const running = await runPod(t, {
    pod,
    network,
    dir: join(dir, 'pod'),
    imageOf: ({ name }) => (name === 'sluice' ? image : MACHINE),
    around: { object: () => undefined, hostPaths: {} }
  })
  const program = running.containers.get('worker')!
  strictEqual(await program.ended(), 0, program.lines.join('\n'))
  const errors = new Set((JSON.parse(program.lines.at(-1)!) as { errors: string[] }).errors)
  strictEqual(errors.size, SPANS / ERROR_EVERY)
  // Prometheus comes to the pod's address.
  const page = await (await fetch(`http://${network.address}:9464/metrics`)).text()
  ok(
    page.split('\n').some((line) => line.startsWith('http_requests_total{') && line.endsWith(` ${SPANS}`)),
    'all spans are counted'
  )
  deepStrictEqual(await running.stop(), { worker: 0, sluice: 0 })

  const lines = backend.records('logs').map(({ body }) => body.stringValue)
  strictEqual(lines.filter((line) => line === OWN_LINE).length, 1)
  strictEqual(new Set(lines.filter((line) => /^line \d+$/.test(line))).size, LOGS)
  for (const span of backend.records('traces')) errors.delete(span.spanId.toString('hex'))
  strictEqual(errors.size, 0, 'all errors came')
  for (const signal of ['traces', 'logs', 'metrics'] as const) {
    const resources = resourcesOf(backend, signal)
    ok(resources.length > 0)
    for (const resource of resources) {
      for (const [name, value] of Object.entries(IDENTITY)) strictEqual(resource[name], value, `${name} of ${signal}`)
      strictEqual(resource['service.team'], 'dubbing', 'an annotation, by the volume of the downward API')
    }
  }
  deepStrictEqual(backend.violations, [])
})

test('what the sidecar has accepted survives its crash while the backend is away', { skip, timeout: 180_000 }, async (t) => {
  const dir = temporaryDirectory()
  const node = await NodeNetwork.open(t)
  const away = await OtlpBackend.start(t, { host: node.outside })
  const { port } = away
  await away.stop()
  const config = { exporters: { otlp: { endpoint: `http://${node.outside}:${port}` } } }
  const deployment = await inject(dir, { config }, deploymentOf(lineOf(5000, ERROR_EVERY, LOGS), {}))
  const network = await node.addPod()
  const image = makeSluiceImage(dir)
  const running = await runPod(t, {
    pod: podFrom(deployment, network, NO_NODE),
    network,
    dir: join(dir, 'pod'),
    imageOf: ({ name }) => (name === 'sluice' ? image : MACHINE),
    around: { object: () => undefined, hostPaths: {} }
  })
  const program = running.containers.get('worker')!
  strictEqual(await program.ended(), 0, program.lines.join('\n'))
  const errors = new Set((JSON.parse(program.lines.at(-1)!) as { errors: string[] }).errors)
  await running.crash('sluice')
  const backend = await OtlpBackend.start(t, { host: node.outside, port })
  await until(
    () => {
      for (const span of backend.records('traces')) errors.delete(span.spanId.toString('hex'))
      const lines = backend.records('logs').map(({ body }) => body.stringValue)
      return { errors: errors.size, lines: new Set(lines).size }
    },
    ({ errors, lines }) => errors === 0 && lines >= LOGS,
    60_000
  )
  deepStrictEqual(await running.stop(), { worker: 0, sluice: 0 })
})
