import type { Resource } from '../../otlp/objects.ts'
import { cut, NAME_CHARACTERS_MAX } from './limits.ts'
import { ENVIRONMENT_DEFAULT, type Settings } from './settings.ts'
import { type Attributes, attributesOf, firstText } from './values.ts'

/** Who sent it, in Sentry's words. */
export interface Source {
  /** Of the resource. */
  readonly attributes: Attributes
  readonly service: string | undefined
  readonly release: string | undefined
  readonly dist: string | undefined
  readonly environment: string
  readonly serverName: string | undefined
  /** telemetry.sdk.language */
  readonly language: string | undefined
  /** Undefined where the language is not told. */
  readonly platform: string | undefined
}

export function sourceOf(resource: Resource | undefined, settings: Settings): Source {
  const attributes = attributesOf(resource?.attributes)
  const service = serviceOf(attributes)
  const language = firstText(attributes, ['telemetry.sdk.language'])
  return {
    attributes,
    service,
    release: settings.release ?? releaseOf(service, firstText(attributes, ['service.version'])),
    dist: nameOf(firstText(attributes, ['app.build_id'])),
    environment: settings.environment ?? environmentOf(firstText(attributes, ['deployment.environment.name', 'deployment.environment'])),
    serverName: nameOf(firstText(attributes, ['k8s.pod.name', 'host.name', 'service.instance.id'])),
    language,
    platform: language === undefined ? undefined : platformOf(language)
  }
}

/** The service's name; what SDKs write where none was given is none. */
export function serviceOf(attributes: Attributes): string | undefined {
  const name = firstText(attributes, ['service.name'])
  return name === undefined || name.startsWith('unknown_service') ? undefined : name
}

// A release is one for the whole organisation, so a version needs the name of its service. No slashes and no blanks.
function releaseOf(service: string | undefined, version: string | undefined): string | undefined {
  if (version === undefined) return undefined
  const name = (service === undefined ? version : `${service}@${version}`).replace(NOT_IN_NAMES, '-')
  return name === '.' || name === '..' ? undefined : cut(name, NAME_CHARACTERS_MAX)
}

function environmentOf(name: string | undefined): string {
  const clean = (name ?? '').replace(NOT_IN_NAMES, '-').slice(0, ENVIRONMENT_CHARACTERS_MAX).replace(HALF, '')
  return clean === '' || clean.toLowerCase() === 'none' ? ENVIRONMENT_DEFAULT : clean
}

const NOT_IN_NAMES = /[\s/\\\p{Cc}]+/gu
const HALF = /[\ud800-\udbff]$/
const ENVIRONMENT_CHARACTERS_MAX = 64

/** One line of at most so many characters as names may have. */
export function nameOf(text: string | undefined): string | undefined {
  const line = text?.replace(/\p{Cc}+/gu, ' ').trim()
  return line === undefined || line === '' ? undefined : cut(line, NAME_CHARACTERS_MAX)
}

const PLATFORMS: Readonly<Record<string, string>> = {
  nodejs: 'node',
  webjs: 'javascript',
  javascript: 'javascript',
  typescript: 'javascript',
  dotnet: 'csharp',
  cpp: 'native',
  rust: 'native',
  swift: 'cocoa',
  kotlin: 'java',
  python: 'python',
  java: 'java',
  go: 'go',
  ruby: 'ruby',
  php: 'php',
  erlang: 'elixir',
  node: 'node',
  csharp: 'csharp'
}

/** Sentry's name of the platform of a language. */
export function platformOf(language: string): string {
  return Object.hasOwn(PLATFORMS, language) ? PLATFORMS[language] : 'other'
}
