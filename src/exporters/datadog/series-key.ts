import { hash } from 'node:crypto'
import type { AnyValue, KeyValue, Resource } from '../../otlp/objects.ts'
import { senderOf } from './tags.ts'

/** What tells instances apart. */
const INSTANCE_KEYS = new Set(['service.instance.id', 'host.name', 'host.id', 'container.id', 'k8s.pod.uid', 'k8s.pod.name', 'host'])
// Names the process of the gateway that enriched it: after a restart another, while the series goes on.
const PASSED_KEY = 'sluice.instance.id'
export const RESOURCE_ID_LENGTH = 11
const KEY_LENGTH = 22

/** A resource, and how it is told from others. */
export interface Told {
  readonly resource: Resource
  readonly id: string
  /** Its attributes as texts, sorted. */
  readonly texts: readonly string[]
  /** What of it Datadog has on a series. */
  readonly shown: string
}

/** The resource with an instance where it says none, without attributes that come twice. */
export function toldOf(given: Resource | undefined, instance: string, hostname: string | undefined, hasTags: boolean): Told {
  const attributes = [...once(given?.attributes)]
  if (!attributes.some(({ key }) => INSTANCE_KEYS.has(key ?? '')))
    attributes.push({ key: 'service.instance.id', value: { stringValue: instance } })
  if (hostname !== undefined && !attributes.some(({ key = '' }) => key.startsWith('host.') || key === 'host'))
    attributes.push({ key: 'host.name', value: { stringValue: hostname } })
  const texts = textsOf(attributes.filter(({ key }) => key !== PASSED_KEY))
  const id = digest(texts.join('\n'), RESOURCE_ID_LENGTH)
  const resource = { ...given, attributes }
  if (hasTags) return { resource, id, texts, shown: id }
  const { host, service, tags } = senderOf(attributes)
  return { resource, id, texts, shown: digest([host, service, ...tags].join('\n'), RESOURCE_ID_LENGTH) }
}

/** The key of a series without its resource. */
export function keyOf(parts: readonly (string | undefined)[], attributes: readonly KeyValue[]): string {
  return digest([...parts, ...textsOf(attributes)].join('\n'), KEY_LENGTH)
}

/** The attributes, of those with the same key the last. */
export function once(attributes: readonly KeyValue[] = []): readonly KeyValue[] {
  for (let i = 1; i < attributes.length; i++)
    for (let before = 0; before < i; before++)
      if (attributes[i].key === attributes[before].key) return [...new Map(attributes.map((each) => [each.key, each])).values()]
  return attributes
}

function digest(text: string, length: number): string {
  return hash('sha256', text, 'base64').slice(0, length)
}

function textsOf(attributes: readonly KeyValue[]): string[] {
  return attributes.map(({ key = '', value }) => `${key}=${value === undefined ? '' : textOf(value)}`).sort()
}

function textOf(value: AnyValue): string {
  if (value.stringValue !== undefined) return value.stringValue
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner))
}
