import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { makeCertificates } from '../support/certificates.ts'
import { anyPod, isKept } from '../support/pods.ts'
import type { Manifest } from './kubernetes-client.ts'
import { startKubernetes } from './kubernetes-cluster.ts'
import { KUBERNETES_MINORS, kubernetesParts } from './kubernetes-parts.ts'
import { checkInjected, podOf, sidecarOf, variableOf } from './kubernetes-pods.ts'
import { installRelease } from './kubernetes-release.ts'
import { kubernetesSchemas } from './kubernetes-schemas.ts'

const { skip, parts } = await kubernetesParts('helm', 'etcd', 'kubeApiServer')
const { validate } = await kubernetesSchemas()

const PODS = Number(process.env.SLUICE_SYSTEM_PODS ?? 400)

for (const native of ['auto', 'never'] as const)
  test(
    `pods of many shapes: what the API server takes without a sidecar, it takes with one (native: ${native})`,
    {
      skip,
      timeout: 300_000
    },
    (t) => checkGenerated(t, native)
  )

async function checkGenerated(t: TestContext, native: 'auto' | 'never'): Promise<void> {
  const cluster = await startKubernetes(t, parts!)
  const profiles = { batch: { processors: { sample: { traces: '1%' } } } }
  const release = await installRelease(t, parts!.helm, cluster, 'sluice-system', { sidecar: { profiles, native } })
  await release.startInjector()
  await cluster.makeNamespace('asking', { 'sluice.dev/inject': 'true' })
  await cluster.admin.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: 'kube-system' } })
  const create = (pod: Manifest, namespace: string) => {
    const { name, generateName, labels, annotations, ownerReferences } = pod.metadata
    const metadata = { namespace, name, generateName, labels, annotations, ownerReferences }
    return cluster.admin.tryCreate({ ...pod, metadata }, { dryRun: true })
  }
  let injected = 0
  let taken = 0
  await fc.assert(
    fc.asyncProperty(anyPod, async (generated) => {
      const { metadata, spec } = generated
      const pod = {
        ...generated,
        metadata: metadata.generateName === undefined ? { name: 'tts-0', ...metadata } : metadata,
        // The volume with the token would have another name each time.
        spec: { ...spec, automountServiceAccountToken: false }
      }
      // Nobody is asked about pods of this namespace.
      const plain = await create(pod, 'kube-system')
      if (plain.status !== 201) return
      taken++
      const { status, body } = await create(pod, 'asking')
      strictEqual(status, 201, body.message)
      ok(isKept(plain.body.spec, body.spec))
      for (const minor of KUBERNETES_MINORS) deepStrictEqual(validate!(body, minor), [])
      if (sidecarOf(body) === undefined) return deepStrictEqual(body.spec, plain.body.spec)
      injected++
      const again = await create(body, 'asking')
      strictEqual(again.status, 201, again.body.message)
      deepStrictEqual(again.body.spec, body.spec)
    }),
    { numRuns: PODS }
  )
  // A sidecar that is no native one keeps Jobs from ending, so their pods get none.
  ok(injected > PODS / (native === 'never' ? 25 : 5), `only ${injected} of ${PODS} were injected`)
  t.diagnostic(`${taken} of ${PODS} pods were in order, ${injected} of them were injected`)
}

test('pods that use what few pods use', { skip, timeout: 120_000 }, async (t) => {
  const cluster = await startKubernetes(t, parts!)
  const release = await installRelease(t, parts!.helm, cluster, 'sluice-system')
  await release.startInjector()
  await cluster.makeNamespace('asking', { 'sluice.dev/inject': 'true' })
  await cluster.admin.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: 'kube-system' } })
  const f = async (spec: object, { container = {}, expected = true }: { container?: object; expected?: boolean } = {}): Promise<void> => {
    const [worker] = podOf('special').spec.containers
    const of = (namespace: string) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'special', namespace },
      spec: { automountServiceAccountToken: false, containers: [{ ...worker, ...container }], ...spec }
    })
    const words = JSON.stringify({ spec, container })
    const plain = await cluster.admin.tryCreate(of('kube-system'), { dryRun: true })
    strictEqual(plain.status, 201, `${words} by itself: ${plain.body.message}`)
    const { status, body, warnings } = await cluster.admin.tryCreate(of('asking'), { dryRun: true })
    strictEqual(status, 201, `${words}: ${body.message}`)
    strictEqual(body.metadata.labels?.['sluice.dev/injected'] === 'true', expected, `${words}: ${warnings}`)
    ok(isKept(plain.body.spec, body.spec), words)
    if (plain.body.status.qosClass === 'Guaranteed') strictEqual(body.status.qosClass, 'Guaranteed', words)
    const { status: _, ...written } = body
    for (const minor of KUBERNETES_MINORS) deepStrictEqual(validate!(written, minor), [], words)
  }
  const limits = { cpu: '2', memory: '4Gi' }
  await f({ resources: { limits, requests: limits } })
  await f({}, { container: { resources: { limits, requests: limits } } })
  await f({ hostNetwork: true }, { expected: false })
  await f(
    {},
    {
      container: {
        ports: [
          { containerPort: 8080, hostPort: 4318 },
          { containerPort: 9464, name: 'sluice-metrics' }
        ]
      }
    }
  )
  await f({ shareProcessNamespace: true, hostPID: false })
  await f({ securityContext: { runAsUser: 0, runAsGroup: 0, fsGroup: 1000, supplementalGroups: [5] } })
  await f({
    securityContext: {
      runAsUser: 1000,
      runAsNonRoot: true,
      seccompProfile: { type: 'Unconfined' },
      sysctls: [{ name: 'net.ipv4.ip_local_port_range', value: '1024 65000' }]
    }
  })
  await f({ os: { name: 'linux' }, securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } })
  await f({ os: { name: 'windows' } }, { expected: false })
  await f({ hostUsers: false })
  await f({ terminationGracePeriodSeconds: 0, restartPolicy: 'Never', activeDeadlineSeconds: 60 })
  await f({ schedulingGates: [{ name: 'example.com/quota' }], priority: 0, preemptionPolicy: 'PreemptLowerPriority' })
  await f({
    initContainers: [
      {
        name: 'own',
        image: 'own:1',
        restartPolicy: 'Always',
        ports: [{ containerPort: 4317 }],
        startupProbe: { httpGet: { path: '/', port: 4317 } }
      }
    ]
  })
  await f(
    { resourceClaims: [{ name: 'gpu', resourceClaimTemplateName: 'gpu' }] },
    { container: { resources: { claims: [{ name: 'gpu' }] } } }
  )
  await f({ dnsPolicy: 'None', dnsConfig: { nameservers: ['10.0.0.1'] }, hostAliases: [{ ip: '10.0.0.2', hostnames: ['a'] }] })
  await f({
    volumes: [
      { name: 'sluice-queue', emptyDir: { medium: 'Memory' } },
      { name: 'sluice-podinfo', emptyDir: {} }
    ]
  })
  await f({ enableServiceLinks: false }, { container: { resources: { requests: limits, limits: { ...limits, 'nvidia.com/gpu': 8 } } } })
  await f({}, { container: { name: 'sluice', image: 'somebody/sluice:1' }, expected: false })
  await f(
    {},
    {
      container: {
        envFrom: [{ configMapRef: { name: 'all' } }],
        env: [{ name: 'OTEL_SERVICE_NAME', valueFrom: { configMapKeyRef: { name: 'c', key: 'k' } } }]
      }
    }
  )
  await f({
    runtimeClassName: undefined,
    tolerations: [{ operator: 'Exists' }],
    affinity: {},
    nodeSelector: { 'kubernetes.io/arch': 'arm64' }
  })
})

test('a container that a later webhook adds gets its variables, too', { skip, timeout: 120_000 }, async (t) => {
  const cluster = await startKubernetes(t, parts!)
  const release = await installRelease(t, parts!.helm, cluster, 'sluice-system')
  await release.startInjector()
  await cluster.makeNamespace('dubbing')
  const certificates = makeCertificates()!
  const [cert, key] = [certificates.serverCertFile, certificates.serverKeyFile].map((file) => readFileSync(file))
  const later = createServer({ cert, key }, async (request, response) => {
    const { request: asked } = JSON.parse(Buffer.concat(await request.toArray()).toString())
    const isThere = asked.object.spec.containers.some(({ name }: Manifest) => name === 'uploader')
    const patch = [{ op: 'add', path: '/spec/containers/-', value: { name: 'uploader', image: 'registry.example/uploader:1' } }]
    const change = isThere ? {} : { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') }
    const answer = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid: asked.uid, allowed: true, ...change } }
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
  }).listen(0, '127.0.0.1')
  await once(later, 'listening')
  t.after(() => later.close())
  t.after(() => later.closeAllConnections())
  await cluster.admin.create({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: 'zz-later' },
    webhooks: [
      {
        name: 'later.example.com',
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] }],
        clientConfig: {
          url: `https://127.0.0.1:${(later.address() as AddressInfo).port}/`,
          caBundle: readFileSync(certificates.caFile).toString('base64')
        }
      }
    ]
  })
  const pod = await cluster.admin.create(podOf('two-webhooks', { labels: { 'sluice.dev/inject': 'true' } }))
  const { workers } = checkInjected(pod, validate)
  deepStrictEqual(
    workers.map(({ name }) => name),
    ['fetch-model', 'worker', 'uploader']
  )
  ok(variableOf(workers[2], 'OTEL_RESOURCE_ATTRIBUTES').includes('k8s.container.name=uploader'))
})
