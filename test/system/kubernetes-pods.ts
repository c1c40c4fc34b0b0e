import { deepStrictEqual, notStrictEqual, ok, strictEqual } from 'node:assert/strict'
import type { Manifest } from './kubernetes-client.ts'
import { KUBERNETES_MINORS } from './kubernetes-parts.ts'
import type { ValidateObject } from './kubernetes-schemas.ts'

export interface PodParts {
  readonly namespace?: string
  readonly labels?: Record<string, string>
  readonly annotations?: Record<string, string>
  /** Of the one container. */
  readonly resources?: object
  readonly securityContext?: object
}

/** A pod with one worker and an init container that is one, too. */
export function podOf(name: string, { namespace = 'dubbing', labels, annotations, resources, securityContext }: PodParts = {}): Manifest {
  const container = { image: 'registry.example/tts:1.4.2', ...(resources && { resources }), ...(securityContext && { securityContext }) }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, ...(labels && { labels }), ...(annotations && { annotations }) },
    spec: {
      initContainers: [{ name: 'fetch-model', ...container }],
      containers: [{ name: 'worker', ...container, env: [{ name: 'STAGE', value: 'tts' }] }]
    }
  }
}

/** What Pod Security `restricted` asks of a container. */
export const RESTRICTED = {
  securityContext: {
    allowPrivilegeEscalation: false,
    runAsNonRoot: true,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' }
  }
}

export function sidecarOf({ spec }: Manifest): Manifest | undefined {
  return [...(spec.initContainers ?? []), ...spec.containers].find(({ name }) => name === 'sluice')
}

/** A variable of a container that must have it. */
export function variableOf({ name, env = [] }: Manifest, variable: string): string {
  const found = env.filter((each: Manifest) => each.name === variable)
  strictEqual(found.length, 1, `${name} has ${variable} ${found.length} times`)
  return found[0].value
}

/** Checks what holds of every injected pod of this cluster, which knows native sidecars, and returns its parts. */
export function checkInjected(pod: Manifest, validate: ValidateObject | null): { sidecar: Manifest; workers: Manifest[] } {
  const { initContainers, containers, volumes } = pod.spec
  const [sidecar, ...inits] = initContainers
  strictEqual(sidecar.name, 'sluice', 'the sidecar comes first')
  strictEqual(sidecar.restartPolicy, 'Always')
  strictEqual(sidecar.readinessProbe, undefined)
  deepStrictEqual(sidecar.resources.requests, sidecar.resources.limits)
  const all: Manifest[] = [...initContainers, ...containers]
  strictEqual(new Set(all.map(({ name }) => name)).size, all.length)
  const names = new Set(volumes.map(({ name }: Manifest) => name))
  strictEqual(names.size, volumes.length)
  for (const { volumeMounts = [] } of all) for (const { name } of volumeMounts) ok(names.has(name), `there is a volume ${name}`)
  const workers = [...inits, ...containers]
  for (const worker of workers) {
    ok(/^http:\/\/127\.0\.0\.1:\d+$/.test(variableOf(worker, 'OTEL_EXPORTER_OTLP_ENDPOINT')))
    checkReferences(worker)
  }
  checkReferences(sidecar)
  notStrictEqual(validate, null)
  for (const minor of KUBERNETES_MINORS) deepStrictEqual(validate!(pod, minor), [], minor)
  return { sidecar, workers }
}

// Kubernetes fills in $(NAME) only where NAME stands before.
function checkReferences({ name, env = [] }: Manifest): void {
  const before = new Set<string>()
  for (const { name: variable, value = '' } of env) {
    ok(!before.has(variable), `${name} has ${variable} once`)
    for (const [, reference] of value.replaceAll('$$', '').matchAll(/\$\(([^)]*)\)/g))
      ok(before.has(reference), `${variable} of ${name} refers to ${reference}, which does not stand before it`)
    before.add(variable)
  }
}
