import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { until } from '../support/gateway-process.ts'
import type { KubernetesAnswer, Manifest } from './kubernetes-client.ts'
import { type KubernetesCluster, startKubernetes } from './kubernetes-cluster.ts'
import { kubernetesParts } from './kubernetes-parts.ts'

/** What the cluster knows beyond Kubernetes' own. */
export const API_VERSIONS = ['monitoring.coreos.com/v1', 'cert-manager.io/v1']

/** Asks an API server about an object as if it were to be created, and stores nothing. */
export type TryObject = (object: Manifest) => Promise<KubernetesAnswer>

/**
 * A real API server, with the CRDs of Prometheus' operator and cert-manager, that says what it would do with objects; or the reason why there is none. It
 * finds what schemas cannot say: names, references inside of an object, values that exclude one another.
 */
export async function startTaker(
  t: { after(done: () => unknown): void },
  namespaces: readonly string[]
): Promise<{ skip: false; attempt: TryObject } | { skip: string; attempt: null }> {
  const { skip, parts } = await kubernetesParts('etcd', 'kubeApiServer', 'crds')
  if (parts === null) return { skip, attempt: null }
  const cluster = await startKubernetes(t, parts)
  for (const directory of parts.crds) await addCrds(cluster, directory)
  for (const namespace of namespaces) await cluster.makeNamespace(namespace)
  return { skip: false, attempt: (object) => cluster.admin.tryApply(object, { dryRun: true }) }
}

async function addCrds({ admin }: KubernetesCluster, directory: string): Promise<void> {
  for (const name of readdirSync(directory).filter((file) => file.endsWith('.yaml'))) {
    const crd = await admin.apply(parse(readFileSync(join(directory, name), 'utf8')))
    const { group, versions, names } = crd.spec
    for (const { name: version, served } of versions) {
      if (!served) continue
      await until(
        async () => (await admin.request('GET', `/apis/${group}/${version}/${names.plural}`)).status,
        (status) => status === 200
      )
    }
  }
}
