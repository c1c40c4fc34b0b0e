import { RefusedError } from '../../errors.ts'
import { type KubernetesApi, type KubernetesObject, KubernetesRefusal } from '../kubernetes-api.ts'
import type { Certificates, Serve } from './certificates.ts'
import type { Validity } from './make.ts'
import { bundleOf, isValid, type Material, readMaterial, renewed, type Terms, validityOf, writeMaterial } from './material.ts'

export interface SelfMadeOptions {
  readonly terms: Terms
  readonly namespace: string
  /** The Secret that keeps what was made, for all replicas. */
  readonly secret: string
  /** The MutatingWebhookConfiguration whose webhooks are told whom to trust. */
  readonly configuration: string
  readonly nowMs: () => number
  /** Told what was done to the cluster, in words and as a word to count. */
  done(deed: Deed, words: string): void
}

export type Deed = 'secret-written' | 'bundle-patched' | 'adopted'

/** Against others who write at the same moment; each time one of them has succeeded. */
const TRIES_MAX = 5
const SERVED_LABELS = { 'app.kubernetes.io/name': 'sluice', 'app.kubernetes.io/component': 'injector' }

/**
 * Certificates of our own making. All replicas do the same with one Secret: whoever finds that something is due writes it, under the version that
 * it has read, so that of two who write at once one fails and takes what the other has written.
 */
export class SelfMadeCertificates implements Certificates {
  private readonly api: KubernetesApi
  private readonly serve: Serve
  private readonly options: SelfMadeOptions
  private readonly secretPath: string
  private readonly secretsPath: string
  private readonly configurationPath: string
  private material: Material | null = null
  private served = ''
  /** The authority that webhooks were last seen to trust, and since when. */
  private announced = { authority: '', sinceMs: 0 }

  constructor(api: KubernetesApi, serve: Serve, options: SelfMadeOptions) {
    this.api = api
    this.serve = serve
    this.options = options
    this.secretsPath = `/api/v1/namespaces/${options.namespace}/secrets`
    this.secretPath = `${this.secretsPath}/${options.secret}`
    this.configurationPath = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${options.configuration}`
  }

  async check(): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.look()
        return
      } catch (error) {
        if (!(error instanceof KubernetesRefusal && error.status === 409) || tries >= TRIES_MAX) throw error
      }
    }
  }

  unready(nowMs: number): string | null {
    const { secret, configuration } = this.options
    if (this.material === null || this.served === '') return `no certificate yet: Secret ${secret} was not read`
    if (this.announced.authority === '') return `MutatingWebhookConfiguration ${configuration} does not name the authority yet`
    return nowMs < validityOf(this.served).untilMs ? null : 'the certificate has expired'
  }

  validity(): Record<string, Validity> {
    if (this.material === null || this.served === '') return {}
    return { serving: validityOf(this.served), authority: validityOf(this.material.authorities[0]) }
  }

  // The configuration is read first and changed last, under the version that was read. So whoever has read an old Secret cannot take back the
  // bundle that somebody else has made of a newer one in between.
  private async look(): Promise<void> {
    const configuration = await this.find(this.configurationPath)
    const secret = await this.find(this.secretPath)
    const found = readMaterial(secret?.data)
    const nowMs = this.options.nowMs()
    if (found !== null) this.noteAnnounced(found, configuration, nowMs)
    // One that was deleted or damaged is restored by whoever remembers it, so that nobody is left with a certificate that nobody trusts.
    const remembered = this.material !== null && isValid(this.material, nowMs) ? this.material : null
    const known = found ?? remembered
    const next = await renewed(known, nowMs - this.announced.sinceMs, this.options.terms, nowMs)
    const material = next ?? known
    if (material === null) throw new Error('there is always something to serve')
    if (material !== found) await this.write(secret, material, secret?.data !== undefined && found === null)
    else if (this.material !== null && bundleOf(found) !== bundleOf(this.material))
      this.options.done('adopted', 'took what another replica has made')
    this.material = material
    if (configuration === null) {
      await this.serveNow(material)
      this.announced = { authority: '', sinceMs: nowMs }
      throw new RefusedError('not-found', `MutatingWebhookConfiguration ${this.options.configuration} does not exist, so nobody calls here`)
    }
    await this.announce(configuration, material)
    this.noteAnnounced(material, null, nowMs)
    await this.serveNow(material)
  }

  private async find(path: string): Promise<KubernetesObject | null> {
    try {
      return await this.api.get(path)
    } catch (error) {
      if (error instanceof KubernetesRefusal && error.status === 404) return null
      throw error
    }
  }

  // Since when the newest authority has been seen in every bundle. A configuration of null has just been given it.
  private noteAnnounced(material: Material, configuration: KubernetesObject | null, nowMs: number): void {
    const [authority] = material.authorities
    if (configuration !== null && staleIn(configuration, bundleOf(material)).length > 0) this.announced = { authority: '', sinceMs: nowMs }
    else if (this.announced.authority !== authority) this.announced = { authority, sinceMs: nowMs }
  }

  private async write(secret: KubernetesObject | null, material: Material, isDamaged: boolean): Promise<void> {
    const { namespace, secret: name, done } = this.options
    const data = writeMaterial(material)
    if (secret !== null) await this.api.replace(this.secretPath, { ...secret, data: { ...(secret.data as object | undefined), ...data } })
    else await this.create({ apiVersion: 'v1', kind: 'Secret', type: 'Opaque', metadata: { name, namespace, labels: SERVED_LABELS }, data })
    done('secret-written', isDamaged ? `Secret ${name} held something else, and was written anew` : `Secret ${name} was written`)
  }

  private async create(secret: KubernetesObject): Promise<void> {
    try {
      await this.api.create(this.secretsPath, secret)
    } catch (error) {
      if (!(error instanceof KubernetesRefusal && error.status === 403)) throw error
      throw new RefusedError('forbidden', `Secret ${this.options.secret} does not exist and may not be made here: create it, empty`)
    }
  }

  private async announce(configuration: KubernetesObject, material: Material): Promise<void> {
    const caBundle = bundleOf(material)
    const stale = staleIn(configuration, caBundle)
    if (stale.length === 0) return
    const { resourceVersion } = configuration.metadata as { resourceVersion?: unknown }
    const webhooks = stale.map((name) => ({ name, clientConfig: { caBundle } }))
    await this.api.merge(this.configurationPath, { metadata: { resourceVersion }, webhooks })
    this.options.done('bundle-patched', `the authority was put into ${stale.length} webhooks of ${this.options.configuration}`)
  }

  private async serveNow({ serving }: Material): Promise<void> {
    if (serving.certificate === this.served) return
    await this.serve(serving)
    this.served = serving.certificate
  }
}

/** The names of the webhooks that do not trust exactly this bundle. */
function staleIn({ webhooks }: KubernetesObject, caBundle: string): string[] {
  if (!Array.isArray(webhooks)) return []
  const all = webhooks as { name: string; clientConfig?: { caBundle?: unknown } }[]
  return all.filter(({ clientConfig }) => clientConfig?.caBundle !== caBundle).map(({ name }) => name)
}
