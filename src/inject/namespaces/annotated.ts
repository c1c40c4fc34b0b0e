import { RefusedError } from '../../errors.ts'
import { listOf, objectOf, textOf } from '../json.ts'
import { type KubernetesApi, KubernetesRefusal } from '../kubernetes-api.ts'
import { INJECT } from '../options.ts'

const PATH = '/api/v1/namespaces'
/** Namespaces of one answer, with room for long annotations in each. */
const PAGE = 200
/** More annotated namespaces than this are left out, so that the webhook configuration stays well below what a cluster stores as one object. */
const ANNOTATED_MAX = 5_000
/** For how long changes are asked for at a time; a connection that has died unnoticed is noticed then. */
const WATCH_SECONDS = 60
const GONE = 410

/** Namespaces that say something by the annotation, and whether that is yes. */
export type Wishes = ReadonlyMap<string, boolean>

export interface Listed {
  readonly wishes: Wishes
  /** How many more there are than are kept. */
  readonly leftOut: number
  /** From where changes follow. */
  readonly version: string
}

/** The namespaces with the annotation, as they are now. Throws RefusedError. */
export async function listAnnotated(api: KubernetesApi): Promise<Listed> {
  const wishes = new Map<string, boolean>()
  let leftOut = 0
  for (let next = ''; ; ) {
    const { metadata, items } = await api.listMetadata(PATH, { limit: String(PAGE), ...(next === '' ? {} : { continue: next }) })
    for (const item of listOf(items)) if (!note(wishes, item)) leftOut++
    const { resourceVersion, continue: further } = objectOf(metadata)
    if (textOf(further) === '') return { wishes, leftOut, version: textOf(resourceVersion) }
    next = further
  }
}

/** Keeps track of the namespaces with the annotation. */
export class AnnotatedNamespaces {
  private readonly api: KubernetesApi
  private known = new Map<string, boolean>()
  /** Of what is known; empty: nothing is, or something may have been missed. */
  private version = ''
  private isListed = false

  constructor(api: KubernetesApi) {
    this.api = api
  }

  /** Undefined: nothing is known yet. */
  get wishes(): Wishes | undefined {
    return this.isListed ? this.known : undefined
  }

  /**
   * Reads all where something may have been missed, then follows what changes for a minute, and says each time that something has. To be called again when
   * it has settled, unless it was stopped. Throws RefusedError; what was known stays.
   */
  async follow(stop: AbortSignal, listed: (leftOut: number) => void, changed: () => void): Promise<void> {
    if (this.version === '') {
      const { wishes, leftOut, version } = await listAnnotated(this.api)
      this.known = new Map(wishes)
      this.version = version
      this.isListed = true
      listed(leftOut)
      changed()
    }
    try {
      await this.watch(stop, changed)
    } catch (error) {
      this.version = ''
      if (!stop.aborted) throw error
    }
    // With no room for another one, some were left out that may have room by now.
    if (this.known.size >= ANNOTATED_MAX) this.version = ''
  }

  private async watch(signal: AbortSignal, changed: () => void): Promise<void> {
    let line = ''
    const text = new TextDecoder()
    let failure: RefusedError | null = null
    const query = { resourceVersion: this.version, allowWatchBookmarks: 'true' }
    const onData = (chunk: Buffer): void => {
      const lines = text.decode(chunk, { stream: true }).split('\n')
      lines[0] = line + lines[0]
      line = lines.pop()!
      for (const each of lines) failure ??= this.take(each, changed)
    }
    await this.api.watchMetadata(PATH, { query, forSeconds: WATCH_SECONDS, signal, onData })
    if (failure !== null) throw failure
  }

  // A line: {"type":"ADDED","object":{"metadata":{"name":…,"resourceVersion":…,"annotations":{…}}}}
  // Types are ADDED, MODIFIED, DELETED, BOOKMARK (a version and nothing else) and ERROR (its object is a Status).
  private take(line: string, changed: () => void): RefusedError | null {
    if (line === '') return null
    const { type, object } = eventOf(line)
    if (type === 'ERROR') return new KubernetesRefusal(`watch ${PATH}`, Number(object.code) || GONE, '')
    const { name, resourceVersion } = objectOf(object.metadata)
    if (textOf(resourceVersion) === '') return new RefusedError('invalid', `watch ${PATH}: an event says no version`)
    if (type !== 'BOOKMARK') {
      const before = this.known.get(name)
      if (type === 'DELETED') this.known.delete(name)
      else note(this.known, object)
      if (this.known.get(name) !== before) changed()
    }
    this.version = resourceVersion
    return null
  }
}

/** Notes what a namespace says; false: there is no room for it. */
function note(wishes: Map<string, boolean>, namespace: unknown): boolean {
  const { name, annotations } = objectOf(objectOf(namespace).metadata)
  const wish: unknown = objectOf(annotations)[INJECT]
  if (textOf(name) === '') return true
  if (wish === undefined) wishes.delete(name)
  else if (wishes.size >= ANNOTATED_MAX && !wishes.has(name)) return false
  // Who says something that nobody understands is not taken for a yes.
  else wishes.set(name, wish === 'true')
  return true
}

function eventOf(line: string): { type: unknown; object: Record<string, unknown> } {
  try {
    const { type, object } = objectOf(JSON.parse(line))
    return { type, object: objectOf(object) }
  } catch {
    return { type: undefined, object: {} }
  }
}
