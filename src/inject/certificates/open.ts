import { RefusedError } from '../../errors.ts'
import type { KubernetesApi } from '../kubernetes-api.ts'
import type { InjectSettings } from '../settings.ts'
import type { Certificates, Serve } from './certificates.ts'
import { MountedCertificates } from './mounted.ts'
import { type Deed, SelfMadeCertificates } from './self-made.ts'

export interface CertificateSurroundings {
  /** Null: there is none to be asked, which is enough for mounted files. */
  readonly api: KubernetesApi | null
  /** Of the injector. */
  readonly namespace: string | undefined
  readonly nowMs: () => number
  readonly serve: Serve
  done(deed: Deed, words: string): void
}

/** The certificates that the settings ask for. Throws RefusedError where something is missing for that. */
export function openCertificates(
  { tls, kubernetes }: InjectSettings['webhook'],
  { api, namespace, nowMs, serve, done }: CertificateSurroundings
): Certificates {
  if (tls.source === 'files' || api === null) return new MountedCertificates(tls, serve)
  if (namespace === undefined)
    throw new RefusedError('unavailable', `webhook.kubernetes.namespace: not given, and ${kubernetes.namespaceFile} does not say it`)
  const { service, secret, configuration } = tls
  const terms = {
    names: [`${service}.${namespace}.svc`, `${service}.${namespace}`, service, `${service}.${namespace}.svc.cluster.local`, ...tls.names],
    lifetimeMs: tls.lifetime,
    authorityLifetimeMs: tls.authorityLifetime,
    renewAt: tls.renewAt,
    settleMs: tls.settle,
    skewMs: tls.clockSkew
  }
  return new SelfMadeCertificates(api, serve, { terms, namespace, secret, configuration, nowMs, done })
}
