import { Agent, request } from 'node:https'

// biome-ignore lint/suspicious/noExplicitAny: a tree that tests change at will
export type Tree = { [key: string]: any }

/** A pod as the ReplicaSet controller sends it to be made: no name, no status, and what other admission plugins have put in by then. */
export const podOfDeployment = (changes: { labels?: object; annotations?: object; spec?: object } = {}): Tree => ({
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: {
    generateName: 'dubbing-worker-6d4cf56db6-',
    creationTimestamp: null,
    labels: { app: 'dubbing-worker', 'pod-template-hash': '6d4cf56db6', 'sluice.dev/inject': 'true', ...changes.labels },
    ...(changes.annotations === undefined ? {} : { annotations: changes.annotations }),
    ownerReferences: [
      {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        name: 'dubbing-worker-6d4cf56db6',
        uid: '5b1f9c2e-6f0b-4a6e-9d53-0c5f6a1d2e3f',
        controller: true,
        blockOwnerDeletion: true
      }
    ]
  },
  spec: {
    volumes: [
      { name: 'kube-api-access-x7k2p', projected: { sources: [{ serviceAccountToken: { expirationSeconds: 3607, path: 'token' } }] } }
    ],
    containers: [
      {
        name: 'worker',
        image: 'registry.example/dubbing/worker:1.4.2',
        env: [{ name: 'STAGE', value: 'tts' }],
        resources: { limits: { 'nvidia.com/gpu': '1' }, requests: { 'nvidia.com/gpu': '1' } },
        volumeMounts: [{ name: 'kube-api-access-x7k2p', readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }],
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
        imagePullPolicy: 'IfNotPresent'
      }
    ],
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    serviceAccountName: 'default',
    serviceAccount: 'default',
    securityContext: {},
    schedulerName: 'default-scheduler',
    tolerations: [{ key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }],
    priority: 0,
    enableServiceLinks: true,
    preemptionPolicy: 'PreemptLowerPriority',
    ...changes.spec
  },
  status: {}
})

/** An AdmissionReview as an API server sends it. `request` changes what it asks, the rest the envelope. */
export const review = (object: unknown, request: Tree = {}, envelope: Tree = {}): Tree => ({
  kind: 'AdmissionReview',
  apiVersion: 'admission.k8s.io/v1',
  request: {
    uid: '705ab4f5-6393-11e8-b7cc-42010a800002',
    kind: { group: '', version: 'v1', kind: 'Pod' },
    resource: { group: '', version: 'v1', resource: 'pods' },
    requestKind: { group: '', version: 'v1', kind: 'Pod' },
    requestResource: { group: '', version: 'v1', resource: 'pods' },
    namespace: 'dubbing',
    operation: 'CREATE',
    userInfo: {
      username: 'system:serviceaccount:kube-system:replicaset-controller',
      uid: '0a3e1c7e-1111-4c31-8f3b-7d1c7a0d9b55',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated']
    },
    object,
    oldObject: null,
    dryRun: false,
    options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
    ...request
  },
  ...envelope
})

export interface Called {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  readonly json: Tree
}

export interface CallOptions {
  readonly port: number
  /** Whom the caller trusts, as the webhook configuration says. */
  readonly ca: string
  readonly path?: string
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly agent?: Agent
}

/** Calls the webhook as the API server does: by the Service's name, trusting the bundle alone. */
export function call(body: unknown, { port, ca, path = '/mutate', method = 'POST', headers = {}, agent }: CallOptions): Promise<Called> {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        path,
        method,
        ca,
        servername: 'sluice-injector.sluice.svc',
        agent: agent ?? new Agent({ keepAlive: false }),
        headers: { 'content-type': 'application/json', 'content-length': bytes.length, ...headers }
      },
      (answer) => {
        let text = ''
        answer.setEncoding('utf8')
        answer.on('data', (part: string) => {
          text += part
        })
        answer.on('error', reject)
        answer.on('end', () => {
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text, json: text.startsWith('{') ? JSON.parse(text) : {} })
        })
      }
    )
    sent.on('error', reject)
    sent.end(bytes)
  })
}
