import type { SidecarSettings } from './settings.ts'

/** One operation of a JSON Patch (RFC 6902). Nothing is ever replaced or removed. */
export interface PatchOperation {
  readonly op: 'add'
  readonly path: string
  readonly value: unknown
}

/** What is known around a pod, and not by the pod itself. */
export interface InjectContext {
  /** Undefined: not known, as in a manifest without one. */
  readonly namespace?: string | undefined
  /** The namespace asks for injection; the pod may still say no. */
  readonly namespaceAsks: boolean
  /** Of a pod that is still a template: what it is the template of. Otherwise the pod's ownerReferences say it. */
  readonly owner?: { readonly kind: string; readonly name: string } | undefined
  /** As the API server says it: `v1.31.2`. Undefined: not known, taken for a recent one. */
  readonly kubernetesVersion?: string | undefined
  /** Values for options that the pod's annotations leave open, by the name behind `sluice.dev/`. */
  readonly defaults?: Readonly<Record<string, string>> | undefined
}

/** not-asked: nobody wants it. skipped: it was wanted and cannot be; a warning says why. unchanged: everything is there already. */
export type Outcome = 'injected' | 'unchanged' | 'not-asked' | 'skipped'

export interface Injection {
  readonly outcome: Outcome
  /** Applies to the pod exactly as it came; empty where nothing is to be done. */
  readonly patch: readonly PatchOperation[]
  readonly warnings: readonly string[]
}

/** Decides what is to be put into a pod, and how. Never throws for what stands in the pod. */
export function injectPod(_pod: unknown, _settings: SidecarSettings, _context: InjectContext): Injection {
  return { outcome: 'not-asked', patch: [], warnings: [] }
}
