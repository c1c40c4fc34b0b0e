import { cut, TAG_CHARACTERS_MAX } from './limits.ts'
import type { Source } from './source.ts'
import { type Attributes, firstText, textOf } from './values.ts'

/** What errors and transactions can be searched by, and the attributes it is taken from: the record's before the resource's. */
export const TAGS: Readonly<Record<string, readonly string[]>> = {
  service: ['service.name'],
  model: ['gen_ai.request.model', 'model.name', 'ml.model.name', 'ml.model', 'model'],
  stage: ['job.stage', 'pipeline.stage', 'stage'],
  tier: ['user.tier', 'customer.tier', 'subscription.tier', 'tier'],
  'gpu.uuid': ['hw.id'],
  'gpu.model': ['hw.model'],
  'gpu.index': ['gpu.index'],
  'gpu.xid': ['gpu.xid.code'],
  pod: ['k8s.pod.name'],
  namespace: ['k8s.namespace.name'],
  node: ['k8s.node.name', 'host.name'],
  container: ['k8s.container.name'],
  cluster: ['k8s.cluster.name'],
  'correlation.id': ['correlation.id'],
  'user.id': ['user.id', 'enduser.id'],
  'project.id': ['project.id'],
  'job.id': ['job.id'],
  'http.status_code': ['http.response.status_code', 'http.status_code'],
  'error.group': ['error.group'],
  'error.origin': ['error.origin'],
  'process.rank': ['process.rank']
}

/** The tags of what happened, and of those `more` attributes that it has. */
export function tagsOf(record: Attributes, { attributes: resource }: Source, more: readonly string[]): Record<string, string> {
  const tags: Record<string, string> = {}
  for (const [tag, keys] of Object.entries(TAGS)) put(tags, tag, firstText(record, keys) ?? firstText(resource, keys))
  for (const key of more)
    if (!EMAILS.has(key)) put(tags, key.replace(/[^\w.:-]/g, '_'), textOf(record.get(key)) ?? textOf(resource.get(key)))
  return tags
}

/** These stand in the user, or nowhere. */
const EMAILS = new Set(['user.email', 'enduser.email', 'usr.email'])

function put(tags: Record<string, string>, tag: string, text: string | undefined): void {
  const line = text?.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim()
  if (line !== undefined && line !== '' && tag !== '' && tag !== '__proto__')
    tags[cut(tag, TAG_CHARACTERS_MAX)] = cut(line, TAG_CHARACTERS_MAX)
}
