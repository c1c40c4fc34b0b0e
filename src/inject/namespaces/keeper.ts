import { listOf, objectOf } from '../json.ts'
import { type Kept, keep } from '../keep.ts'
import { type KubernetesApi, KubernetesRefusal } from '../kubernetes-api.ts'
import { AnnotatedNamespaces, listAnnotated, type Wishes } from './annotated.ts'
import { ENTRY, withEntry } from './entry.ts'

export interface NamespaceOptions {
  /** The MutatingWebhookConfiguration whose webhook selects the namespaces. */
  readonly configuration: string
  /** Namespaces that may say what they like. */
  readonly excluded: ReadonlySet<string>
  /** How often to look whether somebody has overwritten it. */
  readonly checkIntervalMs: number
  /** Told what was done, in words and as a word to count. */
  done(deed: NamespaceDeed, words: string): void
  /** Told why something could not be done; it is tried again. */
  failed(error: unknown): void
}

export type NamespaceDeed = 'listed' | 'left-out' | 'entry-patched'

/** Changes that come at once are written at once. */
const GATHER_MS = 100
const WATCH_AGAIN_MS = 1_000
const RETRY_MAX_MS = 60_000
/** Against others who write at the same moment; each time one of them has succeeded. */
const TRIES_MAX = 5

/**
 * Makes the annotation of a namespace count as its label does. A webhook configuration cannot select by annotations, so the names of those that ask are kept
 * in a webhook of its own. All replicas do the same.
 */
export class NamespaceKeeper {
  private readonly api: KubernetesApi
  private readonly options: NamespaceOptions
  private readonly path: string
  private readonly namespaces: AnnotatedNamespaces
  private gathering: NodeJS.Timeout | undefined
  private isDue = false

  constructor(api: KubernetesApi, options: NamespaceOptions) {
    this.api = api
    this.options = options
    this.path = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${options.configuration}`
    this.namespaces = new AnnotatedNamespaces(api)
  }

  /** What namespaces say; undefined while that is not known. */
  get wishes(): Wishes | undefined {
    return this.namespaces.wishes
  }

  /** Whether a namespace is known to say no. */
  declines(namespace: string | undefined): boolean {
    return namespace !== undefined && this.wishes?.get(namespace) === false
  }

  /** Follows what namespaces say until what it returns is stopped. */
  start(): Kept {
    const { checkIntervalMs, done, failed } = this.options
    const entry = keep(() => this.keepInStep(), checkIntervalMs, failed)
    const listed = (leftOut: number): void => {
      done('listed', 'read what the annotations of namespaces say')
      if (leftOut > 0) done('left-out', `${leftOut} annotated namespaces are left out, since there are too many: label them`)
    }
    const changed = (): void => {
      this.isDue = true
      this.gathering ??= setTimeout(() => {
        this.gathering = undefined
        entry.now()
      }, GATHER_MS)
    }
    const stop = new AbortController()
    const follow = keep(() => this.namespaces.follow(stop.signal, listed, changed), WATCH_AGAIN_MS, failed, RETRY_MAX_MS)
    return {
      first: entry.first,
      now: () => entry.now(),
      stop: async () => {
        stop.abort()
        clearTimeout(this.gathering)
        await Promise.all([entry.stop(), follow.stop()])
      }
    }
  }

  private async keepInStep(): Promise<void> {
    do {
      this.isDue = false
      for (let tries = 1; ; tries++) {
        try {
          await this.look()
          break
        } catch (error) {
          if (!(error instanceof KubernetesRefusal && error.status === 409) || tries >= TRIES_MAX) throw error
        }
      }
    } while (this.isDue)
  }

  // The configuration is read first, then the namespaces once more, and it is changed under the version that was read. So a replica that hears of changes
  // later than others does not take back what they have written.
  private async look(): Promise<void> {
    const { wishes } = this
    if (wishes === undefined) return
    const { metadata, webhooks } = await this.api.get(this.path)
    const entries = listOf(webhooks)
    if (withEntry(entries, this.asking(wishes)) === null) return
    const names = this.asking((await listAnnotated(this.api)).wishes)
    const next = withEntry(entries, names)
    if (next === null) return
    await this.api.set(this.path, { metadata: { resourceVersion: objectOf(metadata).resourceVersion }, webhooks: next })
    this.options.done('entry-patched', `${ENTRY} of ${this.options.configuration} selects ${names.length} namespaces`)
  }

  private asking(wishes: Wishes): string[] {
    return [...wishes].filter(([name, asks]) => asks && !this.options.excluded.has(name)).map(([name]) => name)
  }
}
