import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { failureOf, isHere } from './clients.ts'
import { tryLock, unlock } from './file-lock.ts'

/** Three recent minors; API server and controllers are of the last. */
export const KUBERNETES_MINORS = ['1.35', '1.36', '1.37'] as const
export type KubernetesMinor = (typeof KUBERNETES_MINORS)[number]

const KUBERNETES: Readonly<Record<KubernetesMinor, string>> = { '1.35': 'v1.35.4', '1.36': 'v1.36.3', '1.37': 'v1.37.2' }
const CONTROL_PLANE = KUBERNETES['1.37']
const ETCD = 'v3.6.16'
const HELM = 'v4.3.1'
const CRDS = [
  { module: 'github.com/prometheus-operator/prometheus-operator', version: 'v0.85.0', directory: 'example/prometheus-operator-crd' },
  { module: 'github.com/cert-manager/cert-manager', version: 'v1.21.2', directory: 'deploy/crds' }
]
const BUILD_WITHIN_MS = 1_800_000
const DOWNLOAD_WITHIN_MS = 300_000

const run = promisify(execFile)

export interface KubernetesParts {
  /** Path of the program. */
  helm: string
  etcd: string
  kubeApiServer: string
  kubeControllerManager: string
  /** Path of swagger.json, by minor. */
  openApi: Readonly<Record<KubernetesMinor, string>>
  /** Directories that hold CRDs as YAML files. */
  crds: readonly string[]
}

/**
 * What a test needs of Kubernetes: helm from the PATH, parts of the control plane from KUBEBUILDER_ASSETS, else built from Go modules and kept under
 * the machine's temporary directory; or the reason why that cannot be had here.
 */
export async function kubernetesParts<const Names extends readonly (keyof KubernetesParts)[]>(
  ...names: Names
): Promise<{ skip: false; parts: Pick<KubernetesParts, Names[number]> } | { skip: string; parts: null }> {
  const parts: Partial<KubernetesParts> = {}
  for (const name of names) {
    try {
      Object.assign(parts, { [name]: await MAKERS[name]() })
    } catch (error) {
      return { skip: `SKIPPED: ${name} could not be had: ${failureOf(error)}`, parts: null }
    }
  }
  return { skip: false, parts: parts as KubernetesParts }
}

const MAKERS: { readonly [Name in keyof KubernetesParts]: () => Promise<KubernetesParts[Name]> } = {
  helm: () => program('helm', HELM, 'version', (dir) => build(dir, 'helm.sh/helm/v4', HELM, 'helm.sh/helm/v4/cmd/helm', [], 'helm')),
  etcd: () =>
    program('etcd', ETCD, '--version', (dir) => build(dir, 'go.etcd.io/etcd/server/v3', ETCD, 'go.etcd.io/etcd/server/v3', [], 'etcd')),
  kubeApiServer: () => program('kube-apiserver', CONTROL_PLANE, '--version', (dir) => buildOfKubernetes(dir, 'kube-apiserver')),
  kubeControllerManager: () =>
    program('kube-controller-manager', CONTROL_PLANE, '--version', (dir) => buildOfKubernetes(dir, 'kube-controller-manager')),
  async openApi() {
    const paths: Record<string, string> = {}
    for (const minor of KUBERNETES_MINORS)
      paths[minor] = join(await module('k8s.io/kubernetes', KUBERNETES[minor]), 'api/openapi-spec/swagger.json')
    return paths as KubernetesParts['openApi']
  },
  crds: () => Promise.all(CRDS.map(async ({ module: name, version, directory }) => join(await module(name, version), directory)))
}

async function program(name: string, version: string, probe: string, make: (dir: string) => Promise<void>): Promise<string> {
  const places = name === 'helm' ? (process.env.PATH ?? '').split(delimiter) : [process.env.KUBEBUILDER_ASSETS ?? '']
  for (const place of places) if (existsSync(join(place, name)) && isHere(join(place, name), probe)) return join(place, name)
  const dir = join(tmpdir(), `sluice-system-${name}-${version}`)
  await madeByOne(dir, make)
  return join(dir, name)
}

async function madeByOne(dir: string, make: (dir: string) => Promise<void>): Promise<void> {
  const lock = `${dir}.lock`
  while (!existsSync(dir)) {
    if (!tryLock(lock)) {
      await sleep(500)
      continue
    }
    try {
      if (existsSync(dir)) return
      const half = `${dir}.half`
      rmSync(half, { recursive: true, force: true })
      mkdirSync(half)
      process.stderr.write(`building ${basename(dir)}, which takes minutes the first time\n`)
      await make(half)
      renameSync(half, dir)
    } finally {
      unlock(lock)
    }
  }
}

async function go(cwd: string, timeout: number, ...args: string[]): Promise<string> {
  const { stdout } = await run('nice', ['-n', '10', 'go', ...args], { cwd, timeout, maxBuffer: 64 * 2 ** 20 })
  return stdout
}

async function build(dir: string, module: string, version: string, main: string, lines: string[], name: string, flags = '-s -w') {
  const file = `module local.test/build\n\ngo 1.26.0\n\nrequire ${module} ${version}\n\n${lines.join('\n')}\n`
  writeFileSync(join(dir, 'go.mod'), file)
  await go(dir, BUILD_WITHIN_MS, 'build', '-mod=mod', '-ldflags', flags, '-o', name, main)
}

// The module of Kubernetes replaces its parts by directories that are not in it, so it cannot be installed by itself: ours names their releases.
async function buildOfKubernetes(dir: string, name: string): Promise<void> {
  const source = await module('k8s.io/kubernetes', CONTROL_PLANE)
  const parts = readFileSync(join(source, 'go.mod'), 'utf8').matchAll(/^\s*(k8s\.io\/\S+) => \.\/staging\//gm)
  const replaces = Array.from(parts, ([, part]) => `replace ${part} => ${part} ${CONTROL_PLANE.replace('v1', 'v0')}`)
  const [, major, minor] = /^v(\d+)\.(\d+)/.exec(CONTROL_PLANE)!
  const stamp = Object.entries({ gitVersion: CONTROL_PLANE, gitMajor: major, gitMinor: minor })
  const flags = ['-s -w', ...stamp.map(([key, value]) => `-X k8s.io/component-base/version.${key}=${value}`)].join(' ')
  await build(dir, 'k8s.io/kubernetes', CONTROL_PLANE, `k8s.io/kubernetes/cmd/${name}`, replaces, name, flags)
}

/** The directory of a Go module's source, from the proxy or the cache of modules. */
async function module(name: string, version: string): Promise<string> {
  return (JSON.parse(await go(tmpdir(), DOWNLOAD_WITHIN_MS, 'mod', 'download', '-json', `${name}@${version}`)) as { Dir: string }).Dir
}
