import { type Json, listOf, objectOf, textOf } from './json.ts'

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
  if (listOf(spec.containers).length === 0) return 'the pod has no containers, expected at least one; nothing is injected'
  if (isWindows(spec)) return 'the pod is for Windows, and the sidecar runs on Linux; nothing is injected'
  if (spec.hostNetwork === true)
    return 'the pod is on its node’s network, where ports of a sidecar collide: let it send to the gateway of the node; nothing is injected'
  if (!isNative && ends(metadata, spec, owner))
    return 'the pod ends when its work is done, which a sidecar prevents before Kubernetes 1.29; nothing is injected'
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
