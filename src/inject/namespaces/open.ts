import type { Counts } from '../counts.ts'
import type { KubernetesApi } from '../kubernetes-api.ts'
import type { InjectSettings } from '../settings.ts'
import { NamespaceKeeper } from './keeper.ts'

export interface NamespaceSurroundings {
  /** Null: there is none to be asked. */
  readonly api: KubernetesApi | null
  readonly excluded: ReadonlySet<string>
  readonly counts: Counts
  readonly log: Readonly<Record<'info' | 'warn', (fields: object, message: string) => void>>
  failed(error: unknown): void
}

/** What follows the annotations of namespaces, where the settings ask for it; it does not follow before it is started. */
export function openNamespaces(
  { namespacesByAnnotation, tls }: InjectSettings['webhook'],
  { api, excluded, counts, log, failed }: NamespaceSurroundings
): NamespaceKeeper | null {
  if (!namespacesByAnnotation || api === null) return null
  const keeper = new NamespaceKeeper(api, {
    configuration: tls.configuration,
    excluded,
    checkIntervalMs: tls.checkInterval,
    done: (deed, words) => {
      counts.namespaces(deed)
      log[deed === 'left-out' ? 'warn' : 'info']({ deed }, words)
    },
    failed: (error) => {
      counts.namespaces('failed')
      failed(error)
    }
  })
  counts.showNamespaces(() => keeper.wishes)
  return keeper
}
