import type { IncomingHttpHeaders } from 'node:http'
import { encode } from '../../otlp/encode.ts'
import type { Draft, KeyValue } from '../../otlp/objects.ts'
import type { ChunkFacts } from './chunk-facts.ts'

/** What the headers of a tracer's request say of all its spans. */
export interface Sender {
  readonly attributes: readonly Draft<KeyValue>[]
  /** The tracer has told of its spans which enter a service. */
  readonly tellsTopLevel: boolean
}

const VALUE_CHARACTERS_MAX = 256
const CONTAINER_ID = /^[0-9a-zA-Z_.-]{12,128}$/

/** By what tracers call themselves. */
const LANGUAGES: Readonly<Record<string, string>> = {
  javascript: 'nodejs',
  '.net': 'dotnet',
  dotnet: 'dotnet',
  'c++': 'cpp'
}

/** Reads the headers of a tracer. */
export function senderOf(headers: IncomingHttpHeaders): Sender {
  const said = headers['datadog-meta-lang']
  const language = typeof said === 'string' ? said.toLowerCase() : ''
  const attributes = [
    text('telemetry.sdk.name', language === '' ? '' : 'datadog'),
    text('telemetry.sdk.language', Object.hasOwn(LANGUAGES, language) ? LANGUAGES[language] : language),
    text('telemetry.sdk.version', headers['datadog-meta-tracer-version']),
    text('process.runtime.version', headers['datadog-meta-lang-version']),
    text('container.id', containerOf(headers)),
    ...surroundings(headers['datadog-external-env'])
  ]
  const told = headers['datadog-client-computed-top-level']
  return { attributes: attributes.flat(), tellsTopLevel: told !== undefined && told !== '' && told !== 'false' && told !== '0' }
}

/** The resource of a service of this sender, as bytes. */
export function resourceOf({ attributes }: Sender, chunk: ChunkFacts, service: string): Buffer {
  const { env, runtimeId, hostName, processId } = chunk
  return encode('Resource', {
    attributes: [
      ...text('service.name', service),
      ...text('service.version', chunk.versionOf(service)),
      ...text('service.instance.id', runtimeId),
      ...text('deployment.environment.name', env),
      ...text('host.name', hostName),
      ...(processId === 0 ? [] : [{ key: 'process.pid', value: { intValue: processId } }]),
      ...attributes
    ]
  })
}

// Datadog-Container-ID: 64 digits, or as the runtime names it. Datadog-Entity-ID: ci-<container>, or in-<inode>, which says nothing here.
function containerOf(headers: IncomingHttpHeaders): string {
  const told = headers['datadog-container-id']
  const entity = headers['datadog-entity-id']
  const id = typeof told === 'string' && told !== '' ? told : typeof entity === 'string' && entity.startsWith('ci-') ? entity.slice(3) : ''
  return CONTAINER_ID.test(id) ? id : ''
}

// Datadog-External-Env, of an admission controller: it-<is init container>,cn-<container name>,pu-<pod uid>
function surroundings(header: string | string[] | undefined): Draft<KeyValue>[] {
  if (typeof header !== 'string' || header.length > 4 * VALUE_CHARACTERS_MAX) return []
  return header.split(',').flatMap((part) => {
    const value = part.trim()
    if (value.startsWith('cn-')) return text('k8s.container.name', value.slice(3))
    return value.startsWith('pu-') ? text('k8s.pod.uid', value.slice(3)) : []
  })
}

function text(key: string, value: string | string[] | undefined): Draft<KeyValue>[] {
  if (typeof value !== 'string' || value === '') return []
  return [{ key, value: { stringValue: value.slice(0, VALUE_CHARACTERS_MAX) } }]
}
