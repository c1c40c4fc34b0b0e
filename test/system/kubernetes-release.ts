import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { type InjectorProcess, startInjector } from './injector-process.ts'
import { installChart, objectOf, renderChart, uninstallChart } from './kubernetes-chart.ts'
import type { Manifest } from './kubernetes-client.ts'
import { freePorts, type KubernetesCluster } from './kubernetes-cluster.ts'

const CONFIGURATION = { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'MutatingWebhookConfiguration' }

export interface ServerAddress {
  readonly host: string
  readonly port: number
}

/** The chart, installed by helm with the injector on. */
export interface Release {
  /** The service account of the injector. */
  readonly account: string
  /** The Secret that keeps its certificate; empty where the chart makes none. */
  readonly secret: string
  /** Where the webhooks are called. */
  readonly address: ServerAddress
  /** Starts the injector with the file, the account and the rights that the chart gives it. */
  startInjector(): Promise<InjectorProcess>
  /** One more, which listens elsewhere. */
  startReplica(): Promise<InjectorProcess & { readonly address: ServerAddress }>
  /** The webhook configuration, as it is now. */
  configuration(): Promise<Manifest>
  /** Brings the release to its values with these laid over, as `helm upgrade` does. */
  upgrade(values: object): Promise<void>
  uninstall(): Promise<void>
}

/**
 * Installs the chart. There is no cluster network, so two things differ from what users have: the webhooks are called by a URL on loopback in place of
 * the Service, and the injector is a process that listens there. `server` are further options of the injector, `more` values of the chart beside them.
 */
export async function installRelease(
  t: { after(done: () => unknown): void },
  helm: string,
  cluster: KubernetesCluster,
  namespace: string,
  { server = {}, tls = {}, sidecar = {}, more = {} }: { server?: object; tls?: object; sidecar?: object; more?: object } = {}
): Promise<Release> {
  const dir = temporaryDirectory()
  const [port, adminPort] = await freePorts(2)
  const tokenFile = join(dir, 'token')
  const namespaceFile = join(dir, 'namespace')
  const values = {
    listenHost: '127.0.0.1',
    daemonset: { enabled: false },
    injector: {
      ports: { webhook: port, admin: adminPort },
      sidecar: { config: { exporters: { otlp: { endpoint: 'http://collector.example:4318' } } }, ...sidecar },
      server: {
        drainDelay: '0s',
        tls: { names: ['127.0.0.1'], checkInterval: '200ms', ...tls },
        kubernetes: { url: cluster.url, caFile: cluster.caFile, tokenFile, namespaceFile },
        ...server
      },
      ...more
    }
  }
  const { kubeconfig } = cluster
  await installChart(helm, { values, namespace, kubeconfig })
  const objects = await renderChart(helm, { values, namespace })
  const reference = { ...CONFIGURATION, metadata: { name: objectOf(objects, 'MutatingWebhookConfiguration').metadata.name } }
  const configuration = async (): Promise<Manifest> => (await cluster.admin.get(reference))!
  const path = await cluster.admin.pathOf(reference, true)
  const callByUrl = () => callWebhooksByUrl(cluster, reference, port)
  const callByService = async (): Promise<void> => {
    const rendered = objectOf(objects, 'MutatingWebhookConfiguration').webhooks
    const patch = rendered.flatMap(({ clientConfig }: Manifest, i: number) => [
      { op: 'add', path: `/webhooks/${i}/clientConfig/service`, value: clientConfig.service },
      { op: 'remove', path: `/webhooks/${i}/clientConfig/url` }
    ])
    await cluster.admin.ok('PATCH', path, patch, 'application/json-patch+json')
  }
  await callByUrl()
  const account = objectOf(objects, 'ServiceAccount').metadata.name
  const start = async (settings: string, dir: string, adminPort: number): Promise<InjectorProcess> => {
    writeFileSync(tokenFile, await cluster.tokenOf(namespace, account))
    writeFileSync(namespaceFile, namespace)
    return startInjector(t, { dir, settings, admin: `http://127.0.0.1:${adminPort}` })
  }
  const settings = objectOf(objects, 'ConfigMap').data['inject.yaml']
  return {
    account,
    address: { host: '127.0.0.1', port },
    secret: objects.find(({ kind }) => kind === 'Secret')?.metadata.name ?? '',
    configuration,
    startInjector: () => start(settings, dir, adminPort),
    async startReplica() {
      const [otherPort, otherAdminPort] = await freePorts(2)
      const others = settings
        .replace(`127.0.0.1:${port}`, `127.0.0.1:${otherPort}`)
        .replace(`127.0.0.1:${adminPort}`, `127.0.0.1:${otherAdminPort}`)
      return { ...(await start(others, temporaryDirectory(), otherAdminPort)), address: { host: '127.0.0.1', port: otherPort } }
    },
    async upgrade(over) {
      await callByService()
      await installChart(helm, { values: { ...values, ...over }, namespace, kubeconfig })
      await callByUrl()
    },
    async uninstall() {
      await uninstallChart(helm, { namespace, kubeconfig })
    }
  }
}

/** Makes the API server call the webhooks at a port of loopback, where it would call a Service. */
export async function callWebhooksByUrl({ admin }: KubernetesCluster, reference: Manifest, port: number): Promise<void> {
  const patch = (await admin.get(reference))!.webhooks.flatMap(({ clientConfig }: Manifest, i: number) =>
    clientConfig.service === undefined
      ? []
      : [
          { op: 'add', path: `/webhooks/${i}/clientConfig/url`, value: `https://127.0.0.1:${port}${clientConfig.service.path}` },
          { op: 'remove', path: `/webhooks/${i}/clientConfig/service` }
        ]
  )
  await admin.ok('PATCH', await admin.pathOf(reference, true), patch, 'application/json-patch+json')
}
