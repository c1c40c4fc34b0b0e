import type { LogValue } from '../../logs/log-entry.ts'

/** What stands behind the values of a message, told apart: who sent it, and what it is about. */
export interface Tagged {
  /** Attributes of the resource, sorted by key. */
  readonly resource: Readonly<Record<string, string>>
  /** Attributes of the point or record, sorted by key. */
  readonly attributes: Readonly<Record<string, string | true>>
}

// https://docs.datadoghq.com/getting_started/tagging/unified_service_tagging/, in OpenTelemetry's words.
const RESOURCE_TAGS: ReadonlyMap<string, string> = new Map([
  ['service', 'service.name'],
  ['env', 'deployment.environment.name'],
  ['version', 'service.version'],
  ['host', 'host.name'],
  ['runtime-id', 'service.instance.id'],
  ['dd.internal.entity_id', 'k8s.pod.uid']
])
/** For an Agent, and nobody else. */
const CARDINALITY_TAG = 'dd.internal.card'
/** An entity id that asks not to be looked up. */
const NO_ENTITY = 'none'
const CONTAINER_ID = /^[0-9a-zA-Z_.-]{12,128}$/
const VALUE_CHARACTERS_MAX = 256

/**
 * Reads the fields of a message that say who and what: `#name:value,name`, `c:ci-<container>`, `e:it-…,cn-<container name>,pu-<pod uid>`. Fields
 * that are not known say nothing. A tag without a value is `true`; of one that comes with several values, these stand side by side with commas.
 */
export function readTagged(fields: readonly string[], hostName = ''): Tagged {
  const resource = new Map<string, string>()
  const tags = new Map<string, Set<string>>()
  if (hostName !== '') resource.set('host.name', own(hostName, VALUE_CHARACTERS_MAX))
  for (const field of fields) {
    if (field.startsWith('#')) for (const tag of field.slice(1).split(',')) readTag(tag.trim(), resource, tags)
    else if (field.startsWith('c:')) readContainer(field.slice(2), resource)
    else if (field.startsWith('e:')) readSurroundings(field.slice(2), resource)
  }
  const attributes = Array.from(tags, ([key, values]): [string, string | true] => [
    key,
    values.size > 0 ? [...values].sort().join(',') : true
  ])
  return { resource: sorted(resource), attributes: sorted(new Map(attributes)) }
}

function readTag(tag: string, resource: Map<string, string>, tags: Map<string, Set<string>>): void {
  const colon = tag.indexOf(':')
  const key = own(colon < 0 ? tag : tag.slice(0, colon))
  if (key === '' || key === CARDINALITY_TAG) return
  const name = RESOURCE_TAGS.get(key)
  const value = colon < 0 ? '' : tag.slice(colon + 1)
  if (name !== undefined) {
    if (value !== '' && !(name === 'k8s.pod.uid' && value === NO_ENTITY)) resource.set(name, own(value, VALUE_CHARACTERS_MAX))
    return
  }
  let values = tags.get(key)
  if (values === undefined) {
    values = new Set()
    tags.set(key, values)
  }
  if (colon >= 0) values.add(own(value))
}

// Clients write the id of their container, or the inode of their cgroup, which says nothing here.
function readContainer(field: string, resource: Map<string, string>): void {
  const id = field.startsWith('ci-') ? field.slice(3) : field.startsWith('in-') ? '' : field
  if (CONTAINER_ID.test(id)) resource.set('container.id', own(id))
}

function readSurroundings(field: string, resource: Map<string, string>): void {
  for (const part of field.split(',')) {
    const value = own(part.trim().slice(3), VALUE_CHARACTERS_MAX)
    if (value === '') continue
    if (part.trimStart().startsWith('cn-')) resource.set('k8s.container.name', value)
    else if (part.trimStart().startsWith('pu-')) resource.set('k8s.pod.uid', value)
  }
}

/** A text of its own, which does not keep the message alive that it was cut from. */
export function own(text: string, charactersMax = Number.MAX_SAFE_INTEGER): string {
  return Buffer.from(text.slice(0, charactersMax)).toString()
}

function sorted<T extends LogValue>(map: ReadonlyMap<string, T>): Record<string, T> {
  return Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)))
}
