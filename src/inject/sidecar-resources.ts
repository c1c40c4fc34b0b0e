import { type Json, listOf, objectOf } from './json.ts'
import type { PodOptions } from './options.ts'
import type { SidecarSettings } from './settings.ts'

const EPHEMERAL = 'ephemeral-storage'

/**
 * What the sidecar asks for and may take; undefined where that is nothing. Requests are limits, so that a Guaranteed pod stays one. What the pod has a
 * budget of as a whole is left to that. Where containers are held to an amount of disk, the kubelet counts the queue among what they write together,
 * so the sidecar brings its part.
 */
export function sidecarResources(spec: Json, { cpu, memory }: PodOptions, { resources }: SidecarSettings, diskBytes: number): Json {
  const budgets = objectOf(spec.resources)
  const amounts = Object.entries({ cpu: cpu ?? resources.cpu, memory: memory ?? resources.memory }).filter(
    ([name, amount]) => amount !== '' && objectOf(budgets.requests)[name] === undefined && objectOf(budgets.limits)[name] === undefined
  )
  const containers = [...listOf(spec.initContainers), ...listOf(spec.containers)].map((container) => objectOf(container?.resources))
  const isHeld = containers.some(
    ({ requests, limits }) => objectOf(requests)[EPHEMERAL] !== undefined || objectOf(limits)[EPHEMERAL] !== undefined
  )
  if (isHeld) amounts.push([EPHEMERAL, `${Math.ceil(diskBytes / 1024 / 1024)}Mi`])
  if (amounts.length === 0) return undefined
  return { requests: Object.fromEntries(amounts), limits: Object.fromEntries(amounts) }
}
