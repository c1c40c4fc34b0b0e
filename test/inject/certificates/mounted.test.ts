import { deepStrictEqual, match, rejects, strictEqual } from 'node:assert/strict'
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeAuthority, makeServing, type Signed } from '../../../src/inject/certificates/make.ts'
import { MountedCertificates } from '../../../src/inject/certificates/mounted.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const NOW = Date.now()

/** A volume as the kubelet makes one: files are links into `..data`, which is swapped for the next generation by one rename. */
class SecretVolume {
  readonly dir: string
  private generation = 0

  constructor(dir: string) {
    this.dir = dir
    for (const name of ['tls.crt', 'tls.key']) symlinkSync(join('..data', name), join(dir, name))
  }

  write({ certificate, key }: Signed): void {
    const name = `..2026_01_15_${++this.generation}`
    mkdirSync(join(this.dir, name))
    writeFileSync(join(this.dir, name, 'tls.crt'), certificate)
    writeFileSync(join(this.dir, name, 'tls.key'), key)
    symlinkSync(name, join(this.dir, '..data_tmp'))
    renameSync(join(this.dir, '..data_tmp'), join(this.dir, '..data'))
  }
}

test('mounted files are served as they come, and again as they change', async () => {
  const volume = new SecretVolume(temporaryDirectory())
  const authority = await makeAuthority({ fromMs: NOW, untilMs: NOW + 3_600_000 })
  const make = (untilMs: number): Promise<Signed> => makeServing(authority, ['injector'], { fromMs: NOW - 60_000, untilMs })
  const served: Signed[] = []
  const files = { certFile: join(volume.dir, 'tls.crt'), keyFile: join(volume.dir, 'tls.key') }
  const certificates = new MountedCertificates(files, async (serving) => void served.push(serving))

  await rejects(certificates.check(), /webhook\.tls\.certFile: cannot read the file \(ENOENT\)/)
  match(certificates.unready(NOW)!, /no certificate yet: .*tls\.crt/)
  const [first, second] = [await make(NOW + 10_000_000), await make(NOW + 20_000_000)]
  volume.write(first)
  await certificates.check()
  await certificates.check()
  deepStrictEqual(served, [first])
  strictEqual(certificates.unready(NOW), null)
  match(certificates.unready(NOW + 10_000_000)!, /has expired/)

  // Half of a change, and something else: what is served stays.
  const damaged = { ...second, key: first.key }
  volume.write(damaged)
  await rejects(certificates.check(), /certificate and key cannot be used/)
  volume.write({ certificate: 'x', key: 'y' })
  await rejects(certificates.check(), /certificate and key cannot be used/)
  deepStrictEqual(served, [first])
  volume.write(second)
  await certificates.check()
  deepStrictEqual(served, [first, second])
  strictEqual(certificates.validity().serving.untilMs, Math.floor((NOW + 20_000_000) / 1000) * 1000)
})
