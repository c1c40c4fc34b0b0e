import { readFile } from 'node:fs/promises'
import { RefusedError } from '../../errors.ts'
import { loadTls } from '../../net/tls.ts'
import type { Certificates, Serve } from './certificates.ts'
import type { Validity } from './make.ts'
import { validityOf } from './material.ts'

export interface MountedFiles {
  readonly certFile: string
  readonly keyFile: string
}

/**
 * A certificate in mounted files, which somebody else renews. Kubernetes swaps both by one symbolic link, but they are read one after the other:
 * two that do not fit together are not taken, and the next look finds those that do.
 */
export class MountedCertificates implements Certificates {
  private readonly files: MountedFiles
  private readonly serve: Serve
  private served = ''
  private valid: Validity | null = null

  constructor(files: MountedFiles, serve: Serve) {
    this.files = files
    this.serve = serve
  }

  async check(): Promise<void> {
    const { certFile, keyFile } = this.files
    const { cert, key } = await loadTls({ certFile, keyFile, clientCaFile: '' }, 'webhook.tls', 0)
    const serving = { certificate: String(cert), key: String(key) }
    const now = serving.certificate + serving.key
    if (now === this.served) return
    const valid = validityOf(serving.certificate)
    // What was read at once may still be of two generations that share a key; then it was not the last word.
    if ((await readFile(certFile, 'utf8').catch(() => '')) !== serving.certificate)
      throw new RefusedError('unavailable', 'webhook.tls.certFile: the file changes while it is read')
    await this.serve(serving)
    this.served = now
    this.valid = valid
  }

  unready(nowMs: number): string | null {
    const { valid } = this
    if (valid === null) return `no certificate yet: ${this.files.certFile} and ${this.files.keyFile} are waited for`
    return nowMs < valid.untilMs ? null : `the certificate in ${this.files.certFile} has expired`
  }

  validity(): Record<string, Validity> {
    return this.valid === null ? {} : { serving: this.valid }
  }
}
