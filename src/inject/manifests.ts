import * as yaml from 'yaml'
import { safeText } from '../config/mask.ts'
import { ConfigError, type Problem } from '../config/problem.ts'
import { yamlErrorInWords } from '../config/yaml-errors.ts'
import { type Json, objectOf, textOf } from './json.ts'
import { INJECT, PREFIX } from './options.ts'
import { pointer } from './patch.ts'
import { type InjectContext, injectPod, type PatchOperation } from './pod.ts'
import type { SidecarSettings } from './settings.ts'
import { type Change, contentOf, editDocuments, readDocuments } from './yaml-edit.ts'

/** What is said about manifests as a whole. */
export interface ManifestContext extends Omit<InjectContext, 'owner'> {
  /** The namespace of objects that name none. */
  readonly namespace?: string | undefined
}

export interface InjectedManifests {
  /** The manifests with what was added; the very same text where nothing was. */
  readonly text: string
  /** Each with the line that it is about. */
  readonly warnings: readonly string[]
  /** Pods and templates of pods that were looked at, and those that have a sidecar now. */
  readonly pods: number
  readonly injected: number
}

/** Where the template of a pod stands in an object of a kind. */
const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  PodTemplate: ['template'],
  ReplicationController: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  Deployment: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template']
}
/** Other APIs have kinds of the same names. */
const APIS = /^(v1|(apps|batch|extensions)\/.*)$/

/**
 * Injects the sidecar into manifests, as YAML of any number of documents or JSON, and leaves all else as it is. Throws ConfigError, with each file and
 * line, where they cannot be read.
 */
export function injectManifests(file: string, text: string, settings: SidecarSettings, context: ManifestContext): InjectedManifests {
  const lines = new yaml.LineCounter()
  const placeAt = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const documents = readDocuments(text, lines)
  const problems: Problem[] = []
  const values = documents.map((document) => readValue(document, placeAt, text, problems))
  if (problems.length > 0) throw new ConfigError(problems)

  const warnings: string[] = []
  const changes = new Map<number, Change>()
  const asking = askingNamespaces(values)
  let [pods, injected] = [0, 0]
  values.forEach((value, index) => {
    const patch: PatchOperation[] = []
    for (const { object, steps } of objectsIn(value)) {
      const place = placeAt(rangeStart(documents[index], steps))
      const template = TEMPLATES[textOf(object.kind)]
      if (template === undefined || !APIS.test(textOf(object.apiVersion))) continue
      const pod = template.reduce((found, step) => objectOf(found)[step], object)
      if (typeof objectOf(pod).spec !== 'object') {
        const path = [...template, 'spec'].join('.')
        problems.push({ place, path, came: 'nothing', expected: 'a pod’s spec', remedy: `give the ${object.kind} its ${path}` })
        continue
      }
      pods++
      const metadata = objectOf(object.metadata)
      const name = textOf(metadata.name) || textOf(metadata.generateName)
      const namespace = textOf(metadata.namespace) || context.namespace
      const say = (warning: string): void =>
        void warnings.push(`${file}:${place.line}: ${object.kind} ${namespace === undefined ? '' : `${namespace}/`}${name}: ${warning}`)
      if (template.length > 0) misplaced(metadata, objectOf(pod.metadata), template, say)
      const result = injectPod(pod, settings, {
        ...context,
        namespaceAsks: context.namespaceAsks || (namespace !== undefined && asking.has(namespace)),
        ...(template.length > 0 && name !== '' ? { owner: { kind: object.kind, name } } : {})
      })
      if (result.outcome === 'injected' || result.outcome === 'unchanged') injected++
      result.warnings.forEach(say)
      const prefix = pointer([...steps, ...template])
      patch.push(...result.patch.map((operation) => ({ ...operation, path: prefix + operation.path })))
    }
    if (patch.length > 0) changes.set(index, { patch, expected: patched(value, patch) })
  })
  if (problems.length > 0) throw new ConfigError(problems)
  if (changes.size === 0) return { text, warnings, pods, injected }
  const edited = editDocuments(text, documents, changes, (index) => {
    const { line } = placeAt(rangeStart(documents[index], []))
    warnings.push(`${file}:${line}: its anchors are written out, and its comments are gone, since one place stands for several containers`)
  })
  return { text: edited, warnings, pods, injected }
}

function readValue(document: yaml.Document.Parsed, placeAt: (offset: number) => Problem['place'], text: string, problems: Problem[]): Json {
  const [error] = document.errors
  if (error !== undefined) {
    const line = text.slice(text.lastIndexOf('\n', error.pos[0] - 1) + 1).split('\n', 1)[0]
    const isTemplate = /\{\{.*\}\}/.test(line)
    const words = isTemplate
      ? { expected: 'YAML', remedy: 'render the template first, as by helm template' }
      : yamlErrorInWords(error, line)
    problems.push({ place: placeAt(error.pos[0]), path: '', came: 'text that is not YAML', ...words })
    return null
  }
  const start = rangeStart(document, [])
  try {
    const value = contentOf(document)
    if (value === null || value === undefined || (typeof value === 'object' && !Array.isArray(value))) return value
    const came = Array.isArray(value) ? 'a list' : safeText(String(value))
    problems.push({ place: placeAt(start), path: '', came, expected: 'an object of Kubernetes', remedy: 'start with apiVersion and kind' })
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error
    problems.push({ place: placeAt(start), path: '', expected: 'fewer aliases', remedy: 'look for an anchor that contains itself' })
  }
  return null
}

interface Found {
  readonly object: Record<string, Json>
  readonly steps: readonly (string | number)[]
}

// A List holds objects, and lists of one kind (PodList and so on) too.
function objectsIn(value: Json): Found[] {
  const object = objectOf(value)
  if (!/List$/.test(textOf(object.kind)) || !Array.isArray(object.items)) return [{ object, steps: [] }]
  const kind = textOf(object.kind).slice(0, -'List'.length)
  // The items of a list of one kind need not say what they are.
  const item = (each: Json) => ({ ...(kind === '' ? {} : { kind, apiVersion: object.apiVersion }), ...objectOf(each) })
  return object.items.map((each: Json, i: number) => ({ object: item(each), steps: ['items', i] }))
}

function askingNamespaces(values: readonly Json[]): ReadonlySet<string> {
  const spaces = values.flatMap(objectsIn).filter(({ object }) => object.kind === 'Namespace' && object.apiVersion === 'v1')
  return new Set(
    spaces
      .map(({ object }) => objectOf(object.metadata))
      .filter(asks)
      .map(({ name }) => textOf(name))
  )
}

function asks({ labels, annotations }: Record<string, Json>): boolean {
  const said = [labels, annotations].map((values) => objectOf(values)[INJECT]).filter((value) => value !== undefined)
  return said.length > 0 && said.every((value) => String(value) === 'true')
}

// On the object around a template our words mean nothing, to the webhook either; that is easily done wrong.
function misplaced(outer: Json, inner: Json, template: readonly string[], say: (warning: string) => void): void {
  for (const kind of ['labels', 'annotations']) {
    const names = Object.keys(objectOf(outer[kind])).filter(
      (name) => name.startsWith(PREFIX) && !Object.hasOwn(objectOf(inner[kind]), name)
    )
    if (names.length > 0) say(`${kind} ${names.join(', ')} mean nothing here, expected under ${template.join('.')}.metadata.${kind}`)
  }
}

// All that patches of ours do is to add, and never into what they add themselves.
function patched(value: Json, patch: readonly PatchOperation[]): Json {
  for (const { path, value: added } of patch) {
    const steps = path
      .split('/')
      .slice(1)
      .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    const parent = steps.slice(0, -1).reduce((found, step) => found[step], value)
    const key = steps.at(-1)!
    if (!Array.isArray(parent)) parent[key] = added
    else parent.splice(key === '-' ? parent.length : Number(key), 0, added)
  }
  return value
}

function rangeStart(document: yaml.Document, steps: readonly (string | number)[]): number {
  const node = steps.length === 0 ? document.contents : document.getIn(steps, true)
  return (yaml.isNode(node) ? node.range?.[0] : undefined) ?? document.range?.[0] ?? 0
}
