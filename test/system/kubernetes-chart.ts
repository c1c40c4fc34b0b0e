import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parseAllDocuments } from 'yaml'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import type { Manifest } from './kubernetes-client.ts'

const CHART = join(import.meta.dirname, '..', '..', 'helm')

export interface Rendering {
  readonly values: object
  readonly namespace: string
  /** Of Kubernetes, as `1.37.0`. */
  readonly kubeVersion?: string
  /** API groups with versions that the cluster has beyond its own. */
  readonly apiVersions?: readonly string[]
}

/** The objects of the chart, as the real helm renders them for a release named `sluice`. */
export async function renderChart(
  helm: string,
  { values, namespace, kubeVersion = '1.37.0', apiVersions = [] }: Rendering
): Promise<Manifest[]> {
  const versions = ['--kube-version', kubeVersion, ...apiVersions.flatMap((version) => ['--api-versions', version])]
  const args = ['template', 'sluice', CHART, '--namespace', namespace, ...versions]
  return parseAllDocuments(await runHelm(helm, args, values))
    .map((document) => document.toJS())
    .filter((object) => object !== null)
}

/** Installs the chart, or brings the release `sluice` to these values. */
export async function installChart(
  helm: string,
  { values, namespace, kubeconfig }: { values: object; namespace: string; kubeconfig: string }
): Promise<string> {
  const args = ['upgrade', '--install', 'sluice', CHART, '--namespace', namespace, '--create-namespace']
  return runHelm(helm, [...args, '--kubeconfig', kubeconfig], values)
}

export async function uninstallChart(helm: string, { namespace, kubeconfig }: { namespace: string; kubeconfig: string }): Promise<string> {
  return runHelm(helm, ['uninstall', 'sluice', '--namespace', namespace, '--kubeconfig', kubeconfig])
}

// Helm keeps what it knows in directories of its own, not in those of who runs the test.
async function runHelm(helm: string, args: readonly string[], values?: object): Promise<string> {
  const dir = temporaryDirectory()
  const file = join(dir, 'values.json')
  if (values !== undefined) writeFileSync(file, JSON.stringify(values))
  const { stdout } = await promisify(execFile)(helm, [...args, ...(values === undefined ? [] : ['--values', file])], {
    env: { PATH: process.env.PATH, HOME: dir },
    maxBuffer: 64 * 2 ** 20
  })
  return stdout
}

/** The one object of this kind whose name ends so. */
export function objectOf(objects: readonly Manifest[], kind: string, nameEnd = ''): Manifest {
  const found = objects.filter((object) => object.kind === kind && object.metadata.name.endsWith(nameEnd))
  if (found.length !== 1) throw new Error(`the chart renders ${found.length} of ${kind} *${nameEnd}, expected one`)
  return found[0]
}
