import { type AdmissionRequest, readReview, warningsOf, writeReview } from './admission-review.ts'
import { injectPod, type Outcome } from './pod.ts'
import type { SidecarSettings } from './settings.ts'

/**
 * Which entry of the webhook configuration called: the one for pods that carry the label, for namespaces that do, for those with the annotation, or one of
 * somebody's own.
 */
export type Entry = 'pods' | 'namespaces' | 'annotated-namespaces' | 'any'

/** ignored: nothing that a sidecar is put into. failed: by a fault of ours. */
export type Result = Outcome | 'ignored' | 'failed'

export interface Surroundings {
  readonly sidecar: SidecarSettings
  /** Whose pods are left alone. */
  readonly excluded: ReadonlySet<string>
  readonly kubernetesVersion: string | undefined
  /** Whether a namespace does not ask, although it was selected. */
  declines(entry: Entry, namespace: string | undefined): boolean
  /** Told what a pod was answered. */
  answered(answer: Answered): void
  /** Told of a fault of ours. */
  failed(error: unknown): void
}

export interface Answered {
  readonly result: Result
  readonly warnings: readonly string[]
  readonly namespace: string | undefined
  /** Its name, or what its name is made of. */
  readonly pod: string | undefined
}

const FAULT = 'sluice: not injected, by a fault of the injector; its log says where'

/** Answers one AdmissionReview. Throws RefusedError where there is nothing that could be answered; all else is allowed, come what may. */
export function admit(body: Buffer, entry: Entry, surroundings: Surroundings): string {
  const request = readReview(body)
  try {
    return answer(request, entry, surroundings)
  } catch (error) {
    surroundings.failed(error)
    surroundings.answered({ result: 'failed', warnings: [FAULT], namespace: request.namespace, pod: nameOf(request.object) })
    return writeReview(request.uid, { patch: [], warnings: [FAULT], outcome: 'failed' })
  }
}

function answer(request: AdmissionRequest, entry: Entry, surroundings: Surroundings): string {
  const { sidecar, excluded, kubernetesVersion, answered } = surroundings
  const { uid, namespace } = request
  const left = leftAlone(request, excluded)
  const isSelected = entry === 'namespaces' || entry === 'annotated-namespaces'
  const context = { namespaceAsks: isSelected && !surroundings.declines(entry, namespace), kubernetesVersion }
  const injection = left === null ? injectPod(request.object, sidecar, context) : { outcome: 'ignored' as const, patch: [], warnings: left }
  const { outcome: result, patch, warnings } = injection
  const review = writeReview(uid, { patch, warnings, outcome: result })
  answered({ result, warnings: warningsOf(warnings), namespace, pod: nameOf(request.object) })
  return review
}

// What is said to those whose request is left alone; null: it is not. Only what a right configuration never sends is worth a word.
function leftAlone({ operation, kind, subResource, namespace, object }: AdmissionRequest, excluded: ReadonlySet<string>): string[] | null {
  if (operation !== 'CREATE' || subResource !== '') return []
  if (kind !== 'v1 Pod') return ['sluice: not injected: the webhook is for pods; look at the rules of its configuration']
  if (namespace !== undefined && excluded.has(namespace)) return []
  if (typeof object !== 'object' || object === null || Array.isArray(object))
    return ['sluice: not injected: the request came without a pod']
  return null
}

const NAME_LENGTH_MAX = 253

function nameOf(pod: unknown): string | undefined {
  const { name, generateName } =
    (pod as { metadata?: { name?: unknown; generateName?: unknown } | null } | null | undefined)?.metadata ?? {}
  const found = [name, generateName].find((each) => typeof each === 'string' && each !== '') as string | undefined
  return found?.slice(0, NAME_LENGTH_MAX)
}
