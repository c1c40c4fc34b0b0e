import { type Json, listOf, objectOf, textOf } from './json.ts'

/** A pod with more containers is none that a cluster would store; what is put into each of them adds up. */
const CONTAINERS_MAX = 1000

/**
 * Why a pod cannot have a sidecar, in words for who wants one; empty where nobody needs to be told, undefined where nothing stands in the way.
 */
export function obstacle(
  metadata: Json,
  spec: Json,
  isNative: boolean,
  { owner }: { owner?: { kind: string } | undefined }
): string | undefined {
  // What a kubelet runs by itself is only mirrored here: a change would not reach it.
  if (objectOf(metadata.annotations)['kubernetes.io/config.mirror'] !== undefined) return ''
  const count = listOf(spec.containers).length + listOf(spec.initContainers).length
  if (count > CONTAINERS_MAX) return `the pod has ${count} containers, expected at most ${CONTAINERS_MAX}; nothing is injected`
  if (listOf(spec.containers).length === 0) return 'nothing is injected: the pod has no containers, expected at least one'
  if (isWindows(spec)) return 'nothing is injected: the pod is for Windows, and the sidecar runs on Linux'
  if (spec.hostNetwork === true)
    return 'nothing is injected: hostNetwork, where ports of sidecars collide; let the pod send to the gateway of its node'
  if (!isNative && ends(metadata, spec, owner))
    return 'nothing is injected: the pod ends with its work, which a sidecar prevents before Kubernetes 1.29'
  return undefined
}

const OS_LABELS = ['kubernetes.io/os', 'beta.kubernetes.io/os']

function isWindows(spec: Json): boolean {
  const selector = objectOf(spec.nodeSelector)
  return textOf(objectOf(spec.os).name) === 'windows' || OS_LABELS.some((label) => selector[label] === 'windows')
}

function ends(metadata: Json, spec: Json, owner: { kind: string } | undefined): boolean {
  const kinds = [owner?.kind, ...listOf(metadata.ownerReferences).map((each) => each?.kind)]
  return kinds.includes('Job') || kinds.includes('CronJob') || spec.restartPolicy === 'Never' || spec.restartPolicy === 'OnFailure'
}
