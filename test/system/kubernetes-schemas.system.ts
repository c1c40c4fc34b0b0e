import { deepStrictEqual, match, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { KUBERNETES_MINORS } from './kubernetes-parts.ts'
import { podOf } from './kubernetes-pods.ts'
import { kubernetesSchemas } from './kubernetes-schemas.ts'

const { skip, validate } = await kubernetesSchemas()

test('objects that an API server would refuse are found, with the place', { skip, timeout: 300_000 }, () => {
  const f = (object: object, ...faults: RegExp[]): void => {
    for (const minor of KUBERNETES_MINORS) {
      const found = validate!(object as Parameters<NonNullable<typeof validate>>[0], minor)
      strictEqual(found.length, faults.length, `${minor}: ${found}`)
      for (const [i, fault] of faults.entries()) match(found[i], fault)
    }
  }
  const podWith = (container: object): object => ({ ...podOf('tts'), spec: { containers: [{ name: 'worker', ...container }] } })
  f(podOf('tts'))
  f(podWith({ resources: { limits: { cpu: 1, memory: '1.5Gi', 'nvidia.com/gpu': 2 } }, ports: [{ containerPort: 80 }] }))
  f(podWith({ envv: [] }), /^Pod tts: \/spec\/containers\/0 .*"envv"/)
  f(podWith({ resources: { limits: { memory: '1GiB' } } }), /\/resources\/limits\/memory .*quantity/)
  f(podWith({ env: [{ name: 'A' }, { name: 'A' }] }), /\/containers\/0\/env .*list-map-keys/)
  f(podWith({ ports: [{ containerPort: 80 }, { containerPort: 80, protocol: 'UDP' }] }))
  f(podWith({ ports: [{ containerPort: 80 }, { containerPort: 80, protocol: 'TCP' }] }), /\/containers\/0\/ports .*list-map-keys/)
  f(podWith({ ports: [{ containerPort: 2 ** 31 }] }), /\/containerPort .*int32/)
  f(podWith({ command: null }), /\/command must be array/)
  f({ ...podOf('tts'), metadata: { name: 'tts', labels: { a: true } } }, /\/metadata\/labels\/a must be string/)
  f({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, data: { key: 'no base64' } }, /\/data\/key .*byte/)
  f({ apiVersion: 'autoscaling/v2beta1', kind: 'HorizontalPodAutoscaler' }, /there is no HorizontalPodAutoscaler in autoscaling\/v2beta1/)

  const monitor = (endpoint: object): object => ({
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PodMonitor',
    metadata: { name: 'sluice' },
    spec: { selector: {}, podMetricsEndpoints: [endpoint] }
  })
  f(monitor({ port: 'admin', interval: '30s' }))
  f(monitor({ port: 'admin', interval: 'often' }), /\/podMetricsEndpoints\/0\/interval .*pattern/)
  f(monitor({ prot: 'admin' }), /\/podMetricsEndpoints\/0 .*"prot"/)
  const certificate = { apiVersion: 'cert-manager.io/v1', kind: 'Certificate', metadata: { name: 'tls', label: {} } }
  f({ ...certificate, spec: { secretName: 's', issuerRef: { name: 'i' } } }, /^Certificate tls: \/metadata .*"label"/)
  f({ ...certificate, metadata: { name: 'tls' }, spec: { secretName: 's' } }, /\/spec must have required property 'issuerRef'/)
  deepStrictEqual(validate!({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a' } }, '1.37'), [])
})
