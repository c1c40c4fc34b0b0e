import { readFile } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import { type AdminPort, openAdmin } from '../admin.ts'
import { messageOf, RefusedError } from '../errors.ts'
import { nameOf, Sockets } from '../net/sockets.ts'
import { faultOf } from '../telemetry/fault.ts'
import { Metrics } from '../telemetry/metrics.ts'
import { showProcess } from '../telemetry/process.ts'
import { Rarely } from '../telemetry/rarely.ts'
import { type Answered, admit, type Entry } from './admit.ts'
import type { Certificates } from './certificates/certificates.ts'
import { openCertificates } from './certificates/open.ts'
import { Counts } from './counts.ts'
import { type Kept, keep } from './keep.ts'
import { KubernetesApi } from './kubernetes-api.ts'
import { TEXT_TYPE } from './metrics-page.ts'
import type { NamespaceKeeper } from './namespaces/keeper.ts'
import { openNamespaces } from './namespaces/open.ts'
import { type InjectSettings, loadSettings } from './settings.ts'
import { Webhook } from './webhook.ts'

export interface InjectorLog {
  level: string
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface InjectorOptions {
  /** The injector's file; undefined: all at its default. */
  readonly file: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: InjectorLog
  readonly version: string
  /** Looks whether sidecars could run with these settings; throws ConfigError. */
  readonly check?: (settings: InjectSettings) => Promise<void>
  /** The clock that certificates go by. */
  readonly nowMs?: () => number
}

/** How often to look whether the file has changed; Kubernetes itself takes a minute to bring a changed ConfigMap into a pod. */
const FILE_LOOK_MS = 5_000
const FRAMES_MAX = 3

/** The admission webhook as a whole: its certificate, its file, its ports, and what it tells about itself. */
export class Injector {
  private readonly options: InjectorOptions
  private readonly nowMs: () => number
  private readonly metrics = new Metrics()
  private readonly counts = new Counts(this.metrics)
  private readonly sockets = new Sockets()
  private readonly rarely = new Rarely()
  private settings: InjectSettings
  private text: string
  private excluded: ReadonlySet<string> = new Set()
  private kubernetesVersion: string | undefined
  private api: KubernetesApi | null = null
  private certificates!: Certificates
  private webhook!: Webhook
  private namespaces: NamespaceKeeper | null = null
  private admin: AdminPort | null = null
  private kept: Kept[] = []
  private reloading: Promise<void> = Promise.resolve()
  private stopping = false

  private constructor(options: InjectorOptions, settings: InjectSettings, text: string) {
    this.options = options
    this.nowMs = options.nowMs ?? Date.now
    this.settings = settings
    this.text = text
  }

  /**
   * Resolves when the ports that need no certificate are open and the certificate was looked for once; `/readyz` tells when all is in place. Throws
   * ConfigError for a file that cannot be used, RefusedError where it cannot start.
   */
  static async start(options: InjectorOptions): Promise<Injector> {
    const text = await textOf(options.file)
    const injector = new Injector(options, await checkedSettings(options), text)
    try {
      await injector.open()
      return injector
    } catch (error) {
      await injector.stop().catch(() => undefined)
      throw error
    }
  }

  private async open(): Promise<void> {
    const { webhook } = this.settings
    const { log, file, version } = this.options
    log.level = webhook.logLevel
    if (webhook.listen === null)
      throw new RefusedError('invalid', 'webhook.listen: came off, expected an address: there is nothing else to serve')
    showProcess(this.metrics, version, { command: 'inject' })
    const namespace = webhook.kubernetes.namespace ?? ((await textOf(webhook.kubernetes.namespaceFile)).trim() || undefined)
    this.excluded = new Set([...webhook.excludeNamespaces, ...(namespace === undefined ? [] : [namespace])])
    this.api = this.openApi()
    this.webhook = new Webhook(webhook, webhook.listen, this.sockets, {
      admit: (body, entry) => this.admit(body, entry),
      refused: (reason) => this.counts.refused(reason),
      befell: (event) => this.counts.befell(event),
      failed: (error) => this.tellFault(error)
    })
    this.certificates = openCertificates(webhook, {
      api: this.api,
      namespace,
      nowMs: this.nowMs,
      serve: async (serving) => {
        await this.webhook.serve(serving)
        this.counts.certificate('served')
        const { address } = this.webhook
        log.info({ listening: address === null ? null : nameOf(address) }, 'a certificate is served')
      },
      done: (deed, words) => {
        this.counts.certificate(deed)
        log.info({ deed }, words)
      }
    })
    this.counts.show(
      () => this.certificates.validity(),
      () => this.kubernetesVersion
    )
    this.admin = await openAdmin(webhook.admin, this.sockets, {
      unreadiness: () => this.unreadiness(),
      page: () => ({ contentType: TEXT_TYPE, body: this.counts.page() })
    })
    // The version first: a native sidecar in a cluster that knows none is an init container that never ends.
    const versions = keep(
      () => this.lookForVersion(),
      webhook.kubernetes.versionInterval,
      (error) => this.tell('version', error)
    )
    this.kept.push(versions)
    await versions.first
    const checks = keep(
      () => this.certificates.check(),
      webhook.tls.checkInterval,
      (error) => {
        this.counts.certificate('failed')
        this.tell('certificate', error)
      }
    )
    this.kept.push(checks)
    await checks.first
    // No matter of readiness: without it, labels count all the same.
    this.namespaces = openNamespaces(webhook, {
      api: this.api,
      excluded: this.excluded,
      counts: this.counts,
      log,
      failed: (error) => this.tell('namespaces', error)
    })
    if (this.namespaces !== null) this.kept.push(this.namespaces.start())
    if (file !== undefined)
      this.kept.push(
        keep(
          () => this.lookAtFile(),
          FILE_LOOK_MS,
          (error) => this.tell('file', error)
        )
      )
  }

  /** Where it listens, by what is spoken there. The webhook is missing until there is a certificate. */
  addresses(): Record<string, string> {
    const { webhook, admin } = this
    return {
      ...(webhook.address === null ? {} : { webhook: nameOf(webhook.address) }),
      ...(admin === null ? {} : { admin: nameOf(admin.address) })
    }
  }

  /** Reads the file again; one that cannot be used changes nothing, and the log says why. Also looks after the certificate. */
  reload(): Promise<void> {
    this.reloading = this.reloading.then(async () => {
      const { file, log } = this.options
      try {
        // Noted even if it cannot be used: it is told of once.
        this.text = await textOf(file)
        const next = await checkedSettings(this.options)
        const isRestartDue = !isDeepStrictEqual(next.webhook, this.settings.webhook)
        this.settings = { sidecar: next.sidecar, webhook: this.settings.webhook }
        this.counts.reloaded('ok')
        log.info({ file }, 'the settings were reloaded')
        if (isRestartDue) log.warn({ file }, 'what has changed under webhook takes effect at the next start')
      } catch (error) {
        this.counts.reloaded('failed')
        log.error({ file }, `the old settings go on: ${messageOf(error)}`)
      }
      for (const kept of this.kept) kept.now()
    })
    return this.reloading
  }

  /** Serves on for `drainMs`, so that the cluster learns of it, then answers what is inside and closes. */
  async stop(drainMs = 0): Promise<void> {
    this.stopping = true
    if (drainMs > 0) await new Promise((resolve) => setTimeout(resolve, drainMs))
    // What asks the API server, which may not answer, ends with the client.
    await Promise.all([this.api?.close(), this.webhook?.close(), this.reloading, ...this.kept.map((kept) => kept.stop())])
    await this.admin?.close()
  }

  get drainDelayMs(): number {
    return this.settings.webhook.drainDelay
  }

  private openApi(): KubernetesApi | null {
    const { url, tokenFile, caFile, timeout } = this.settings.webhook.kubernetes
    const { env, log } = this.options
    try {
      return new KubernetesApi({
        url,
        tokenFile,
        caFile,
        timeoutMs: timeout,
        env,
        count: (verb, resource, status) => this.counts.asked(verb, resource, status)
      })
    } catch (error) {
      if (this.settings.webhook.tls.source === 'self') throw error
      log.warn({}, `the version of Kubernetes stays unknown: ${messageOf(error)}`)
      return null
    }
  }

  private admit(body: Buffer, entry: Entry): string {
    const startedAtMs = performance.now()
    const { sidecar } = this.settings
    const { excluded, kubernetesVersion } = this
    return admit(body, entry, {
      sidecar,
      excluded,
      kubernetesVersion,
      // A webhook that is left over from when annotations were followed selects nothing.
      declines: (entry, of) => this.namespaces?.declines(of) ?? entry === 'annotated-namespaces',
      answered: (answer) => this.tellAnswer(answer, entry, performance.now() - startedAtMs),
      failed: (error) => this.tellFault(error)
    })
  }

  // Who makes pods by a Deployment does not see their warnings: here they stand.
  private tellAnswer({ result, warnings, namespace, pod }: Answered, entry: Entry, tookMs: number): void {
    this.counts.answered(result, entry, warnings.length, tookMs)
    const level = warnings.length > 0 ? 'warn' : result === 'injected' ? 'info' : 'debug'
    const took = { tookMs: Math.round(tookMs * 100) / 100 }
    this.options.log[level]({ result, entry, namespace, pod, ...(warnings.length > 0 ? { warnings } : {}), ...took }, 'a pod was admitted')
  }

  private tellFault(error: unknown): void {
    const fault = faultOf(error, FRAMES_MAX)
    if (this.rarely.isDue(fault.place)) this.options.log.error(fault, 'a pod was admitted as it is, by a fault of the injector')
  }

  private tell(what: string, error: unknown): void {
    const { log } = this.options
    const message = error instanceof RefusedError ? error.message : JSON.stringify(faultOf(error, FRAMES_MAX))
    if (this.rarely.isDue(`${what} ${message}`)) log.warn({ what }, message)
  }

  private unreadiness(): string[] {
    const reason = this.certificates.unready(this.nowMs())
    return [...(this.stopping ? ['stopping'] : []), ...(reason === null ? [] : [reason])]
  }

  private async lookForVersion(): Promise<void> {
    const version = await this.api?.version()
    if (version === undefined || version === this.kubernetesVersion) return
    this.kubernetesVersion = version
    this.options.log.info({ version }, 'the version of Kubernetes')
  }

  private async lookAtFile(): Promise<void> {
    const { file } = this.options
    const text = await textOf(file)
    if (text !== this.text && text !== '') await this.reload()
  }
}

async function checkedSettings({ file, check }: InjectorOptions): Promise<InjectSettings> {
  const settings = await loadSettings(file)
  await check?.(settings)
  return settings
}

// What cannot be read is nothing here: whoever needs it says so.
async function textOf(file: string | undefined): Promise<string> {
  if (file === undefined) return ''
  try {
    return await readFile(file, 'utf8')
  } catch {
    return ''
  }
}
