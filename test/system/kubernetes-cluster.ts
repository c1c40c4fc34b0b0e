import { type ChildProcess, spawn } from 'node:child_process'
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:https'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { makeCertificates } from '../support/certificates.ts'
import { until } from '../support/gateway-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { KubernetesClient } from './kubernetes-client.ts'

const READY_WITHIN_MS = 90_000
const ADMIN_TOKEN = 'admin-token-of-a-test'
const LOG_LINES_KEPT = 200

/** A control plane of etcd and a kube-apiserver, as real as they come, on loopback. There are no nodes, so pods are admitted and stored, not run. */
export interface KubernetesCluster {
  readonly url: string
  readonly caFile: string
  /** A file that makes programs such as helm the administrator. */
  readonly kubeconfig: string
  /** May do everything. */
  readonly admin: KubernetesClient
  /** Whoever has this token: a user of `users`, or a service account. */
  client(token: string): KubernetesClient
  /** A token of a service account, from the API server. */
  tokenOf(namespace: string, serviceAccount: string): Promise<string>
  /** Makes a namespace, with the service account that a controller would make in it. */
  makeNamespace(name: string, labels?: Record<string, string>): Promise<void>
  /** The newest lines that the API server has logged. */
  readonly log: readonly string[]
  /** The same of the controllers. */
  readonly controllersLog: readonly string[]
}

/**
 * Starts a control plane that ends with the test. RBAC is on, and so are the admission plugins that are on by default. `users` are tokens by the name of
 * the user; what they may do, roles have to say. With a controller manager, Deployments, Jobs and so on come to have pods.
 */
export async function startKubernetes(
  t: { after(done: () => unknown): void },
  programs: { readonly etcd: string; readonly kubeApiServer: string; readonly kubeControllerManager?: string },
  users: Readonly<Record<string, string>> = {}
): Promise<KubernetesCluster> {
  const dir = temporaryDirectory()
  const certificates = makeCertificates()
  if (certificates === null) throw new Error('there is no openssl here')
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const path = (name: string): string => join(dir, name)
  writeFileSync(path('accounts.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const lines = Object.entries(users).map(([user, token]) => `${token},${user},${user}`)
  writeFileSync(path('tokens.csv'), [`${ADMIN_TOKEN},admin,admin,system:masters`, ...lines, ''].join('\n'))
  mkdirSync(path('certificates'))

  const [etcdPort, peerPort, port] = await freePorts(3)
  const etcdUrl = `http://127.0.0.1:${etcdPort}`
  const peerUrl = `http://127.0.0.1:${peerPort}`
  const log: string[] = []
  const controllersLog: string[] = []
  const etcd = spawnPart(programs.etcd, [
    `--data-dir=${path('etcd')}`,
    `--listen-client-urls=${etcdUrl}`,
    `--advertise-client-urls=${etcdUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
    '--unsafe-no-fsync',
    '--log-level=error'
  ])
  const apiServer = spawnPart(
    programs.kubeApiServer,
    [
      `--etcd-servers=${etcdUrl}`,
      // Of several clusters at once, each keeps to its own, even where one has lost its port to another.
      `--etcd-prefix=/${randomUUID()}`,
      '--bind-address=127.0.0.1',
      '--advertise-address=127.0.0.1',
      `--secure-port=${port}`,
      `--tls-cert-file=${certificates.serverCertFile}`,
      `--tls-private-key-file=${certificates.serverKeyFile}`,
      `--cert-dir=${path('certificates')}`,
      `--token-auth-file=${path('tokens.csv')}`,
      '--authorization-mode=RBAC',
      '--allow-privileged',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${path('accounts.key')}`,
      `--service-account-signing-key-file=${path('accounts.key')}`,
      '--service-cluster-ip-range=10.96.0.0/24',
      '--endpoint-reconciler-type=none'
    ],
    log
  )
  t.after(async () => {
    await endPart(apiServer)
    await endPart(etcd)
  })

  const url = `https://127.0.0.1:${port}`
  const agent = new Agent({ ca: readFileSync(certificates.caFile), keepAlive: true })
  t.after(() => agent.destroy())
  const client = (token: string): KubernetesClient => new KubernetesClient(url, agent, token)
  const admin = client(ADMIN_TOKEN)
  await until(
    async () => {
      if (apiServer.exitCode !== null) throw new Error(`the API server ended: ${log.slice(-5).join('\n')}`)
      const answer = await admin.request('GET', '/readyz').catch(() => null)
      return answer?.status
    },
    (status) => status === 200,
    READY_WITHIN_MS
  )
  const kubeconfig = path('kubeconfig')
  writeFileSync(kubeconfig, kubeconfigOf(url, certificates.caFile, ADMIN_TOKEN), { mode: 0o600 })
  if (programs.kubeControllerManager !== undefined) {
    const controllers = spawnPart(
      programs.kubeControllerManager,
      [
        `--kubeconfig=${kubeconfig}`,
        '--bind-address=127.0.0.1',
        '--secure-port=0',
        '--leader-elect=false',
        `--root-ca-file=${certificates.caFile}`,
        `--service-account-private-key-file=${path('accounts.key')}`
      ],
      controllersLog
    )
    t.after(() => endPart(controllers))
  }
  return {
    url,
    caFile: certificates.caFile,
    kubeconfig,
    admin,
    client,
    log,
    controllersLog,
    async tokenOf(namespace, serviceAccount) {
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`
      const { status } = await admin.ok('POST', path, { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} })
      return status.token as string
    },
    async makeNamespace(name, labels = {}) {
      await admin.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } })
      await admin.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: name } })
    }
  }
}

// JSON is YAML, too.
function kubeconfigOf(server: string, caFile: string, token: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority': caFile } }],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    'current-context': 'test'
  })
}

function spawnPart(program: string, args: readonly string[], log?: string[]): ChildProcess {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', log === undefined ? 'ignore' : 'pipe'] })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log!.push(...text.trimEnd().split('\n'))
    if (log!.length > LOG_LINES_KEPT) log!.splice(0, log!.length - LOG_LINES_KEPT)
  })
  return child
}

async function endPart(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

/** Ports of loopback that nobody listens on, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      return server
    })
  )
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}
