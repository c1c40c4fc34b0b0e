import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parse, stringify } from 'yaml'
import type { OtlpBackend } from '../support/otlp-backend.ts'
import type { Manifest } from './kubernetes-client.ts'
import type { Image } from './pod-container.ts'
import { type NetworkNamespace, skipWithoutNamespaces } from './pod-network.ts'
import { pythonPackages } from './python-packages.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
const SOURCES = join(import.meta.dirname, 'python')

/** The program of a worker with the OpenTelemetry SDK for Python, as a line of shell; or why there is none, or no pods, here. */
export function pythonWorker(): { skip: string | false; lineOf: (spans: number, errorEvery: number, logs: number) => string } {
  const noPods = skipWithoutNamespaces()
  const { skip, bin } = noPods === false ? pythonPackages('python', SOURCES, 'the OpenTelemetry SDK for Python') : { skip: noPods, bin: '' }
  return { skip, lineOf: (...counts) => [join(bin, 'python'), join(SOURCES, 'client.py'), ...counts].join(' ') }
}

/** The worker's image: what is on this machine. */
export const MACHINE: Image = {
  files: '/',
  entrypoint: [],
  command: [],
  env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '/' }
}

/** Who the worker's pod is. */
export const IDENTITY = {
  'k8s.pod.name': 'tts-7c745fd96c-5w7t2',
  'k8s.pod.uid': 'ed10e833-a055-4cb7-b78b-06a7e9e242d8',
  'k8s.namespace.name': 'dubbing',
  'k8s.node.name': 'gpu-node-1',
  'k8s.deployment.name': 'tts'
}

/** A Deployment as users write it, with one worker that runs a line of shell. */
export function deploymentOf(script: string, annotations: Record<string, string>): Manifest {
  const labels = { app: 'tts', 'sluice.dev/inject': 'true' }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'tts', namespace: 'dubbing' },
    spec: {
      selector: { matchLabels: { app: 'tts' } },
      template: {
        metadata: { labels, annotations: { 'resource.opentelemetry.io/service.team': 'dubbing', ...annotations } },
        spec: { containers: [{ name: 'worker', image: 'registry.example/tts:1.4.2', command: ['sh', '-c', script] }] }
      }
    }
  }
}

/** What `sluice inject -f -` makes of an object. */
export async function inject(dir: string, sidecar: object, object: Manifest): Promise<Manifest> {
  const file = join(dir, 'inject.yaml')
  writeFileSync(file, stringify({ sidecar }))
  writeFileSync(join(dir, 'object.yaml'), stringify(object))
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, 'inject', '-f', join(dir, 'object.yaml'), '--config', file])
  return parse(stdout)
}

/** A pod of a Deployment, as controllers and scheduler leave it to the kubelet. */
export function podFrom({ metadata, spec }: Manifest, { address }: NetworkNamespace, nodeAddress: string): Manifest {
  const { labels, annotations } = spec.template.metadata
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: IDENTITY['k8s.pod.name'],
      namespace: metadata.namespace,
      uid: IDENTITY['k8s.pod.uid'],
      labels: { ...labels, 'pod-template-hash': '7c745fd96c' },
      annotations
    },
    spec: { ...spec.template.spec, nodeName: IDENTITY['k8s.node.name'] },
    status: { podIP: address, hostIP: nodeAddress }
  }
}

/** The attributes of all resources that came, a set for each request and resource. */
export function resourcesOf(backend: OtlpBackend, signal: 'traces' | 'logs' | 'metrics'): Record<string, unknown>[] {
  const field = { traces: 'resourceSpans', logs: 'resourceLogs', metrics: 'resourceMetrics' }[signal]
  return backend.received
    .filter((request) => request.signal === signal)
    .flatMap(({ message }) => message[field].map(({ resource }: Manifest) => attributesOf(resource)))
}

/** Attributes by name, of a resource, a span or a log record. */
export function attributesOf({ attributes }: Manifest): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }: Manifest) => [key, Object.values(value)[0]]))
}
