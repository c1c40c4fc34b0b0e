import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeAuthority, makeServing } from '../../../src/inject/certificates/make.ts'
import {
  bundleOf,
  isValid,
  type Material,
  readMaterial,
  renewed,
  type Terms,
  validityOf,
  writeMaterial
} from '../../../src/inject/certificates/material.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const NOW = Date.UTC(2026, 0, 15)
const TERMS: Terms = {
  names: ['injector.sluice.svc', 'injector', '10.0.0.7'],
  lifetimeMs: 90 * DAY,
  authorityLifetimeMs: 720 * DAY,
  renewAt: 0.5,
  settleMs: HOUR,
  skewMs: 0
}
const LONG_AGO = 365 * DAY

const next = (material: Material | null, announcedMs: number, nowMs: number, terms: Partial<Terms> = {}): Promise<Material | null> =>
  renewed(material, announcedMs, { ...TERMS, ...terms }, nowMs)

test('what is made is what strict readers of X.509 take, for these names and no others', async (t) => {
  const validity = { fromMs: Date.now() - HOUR, untilMs: Date.now() + DAY }
  const authority = await makeAuthority(validity)
  const serving = await makeServing(authority, TERMS.names, validity)
  const certificate = new X509Certificate(serving.certificate)
  for (const [name, matches] of [
    ['injector.sluice.svc', true],
    ['injector', true],
    ['other.sluice.svc', false],
    ['sluice.svc', false]
  ] as const)
    strictEqual(certificate.checkHost(name) !== undefined, matches, name)
  strictEqual(certificate.checkIP('10.0.0.7'), '10.0.0.7')
  strictEqual(certificate.ca, false)
  strictEqual(new X509Certificate(authority.certificate).ca, true)
  ok(!/[^0-9A-F]/.test(certificate.serialNumber) && certificate.serialNumber.length === 32)
  const dir = temporaryDirectory()
  writeFileSync(join(dir, 'ca.pem'), authority.certificate)
  writeFileSync(join(dir, 'tls.pem'), serving.certificate)
  const verify = [
    'verify',
    '-x509_strict',
    '-purpose',
    'sslserver',
    '-verify_hostname',
    'injector.sluice.svc',
    '-CAfile',
    'ca.pem',
    'tls.pem'
  ]
  try {
    strictEqual(execFileSync('openssl', verify, { cwd: dir, stdio: 'pipe' }).toString(), 'tls.pem: OK\n')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    t.diagnostic('there is no openssl here to look at it, too')
  }
})

test('a Secret is read as it was written; what is missing, foreign or does not fit together is none', async () => {
  const material = (await next(null, 0, NOW))!
  const other = (await next(null, 0, NOW))!
  const data = writeMaterial(material)
  const others = writeMaterial(other)
  deepStrictEqual(readMaterial(data), material)
  deepStrictEqual(readMaterial({ ...data, more: 'eA==' }), material)
  const none = (damaged: unknown): void => strictEqual(readMaterial(damaged), null)
  none(undefined)
  none(null)
  none({})
  none('data')
  for (const key of Object.keys(data)) {
    none({ ...data, [key]: undefined })
    none({ ...data, [key]: '' })
    none({ ...data, [key]: 7 })
    none({ ...data, [key]: Buffer.from('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n').toString('base64') })
    none({ ...data, [key]: others[key] })
  }
  // A certificate that is no authority, where one is expected.
  none({ ...data, 'ca.crt': data['tls.crt'], 'ca.key': data['tls.key'] })
})

test('nothing is made while all is good; a certificate is followed at its share, an authority is announced before it signs', async () => {
  const first = (await next(null, 0, NOW))!
  deepStrictEqual(validityOf(first.authorities[0]), { fromMs: NOW, untilMs: NOW + 720 * DAY })
  deepStrictEqual(validityOf(first.serving.certificate), { fromMs: NOW, untilMs: NOW + 90 * DAY })
  strictEqual(await next(first, 0, NOW), null)
  strictEqual(await next(first, LONG_AGO, NOW + 45 * DAY - 1), null)

  // The same authority is trusted already: nothing to wait for.
  const second = (await next(first, 0, NOW + 45 * DAY))!
  deepStrictEqual([second.authorities, second.authorityKey], [first.authorities, first.authorityKey])
  ok(second.serving.certificate !== first.serving.certificate)
  strictEqual(await next(second, 0, NOW + 45 * DAY), null)

  const serving = (await next(second, LONG_AGO, NOW + 340 * DAY))!
  const announced = (await next(serving, LONG_AGO, NOW + 360 * DAY))!
  deepStrictEqual([announced.authorities.length, announced.authorities[1]], [2, first.authorities[0]])
  deepStrictEqual(announced.serving, serving.serving)
  deepStrictEqual(readMaterial(writeMaterial(announced)), announced)
  strictEqual(await next(announced, HOUR - 1, NOW + 360 * DAY), null)
  const signed = (await next(announced, HOUR, NOW + 360 * DAY))!
  ok(new X509Certificate(signed.serving.certificate).checkIssued(new X509Certificate(signed.authorities[0])))
  deepStrictEqual(signed.authorities, announced.authorities)
  // The old authority leaves when it has ended.
  const late = await next({ ...signed, serving: (await next(signed, LONG_AGO, NOW + 700 * DAY))!.serving }, LONG_AGO, NOW + 719 * DAY)
  strictEqual(late?.authorities.length ?? 2, 2)
  const left = (await next(signed, LONG_AGO, NOW + 720 * DAY))!
  strictEqual(left.authorities.length, 1)
  ok(bundleOf(left) !== bundleOf(signed))
})

test('what has ended is made anew at once, and names that were added too', async () => {
  const first = (await next(null, 0, NOW))!
  ok(isValid(first, NOW) && isValid(first, NOW + 90 * DAY - 1) && !isValid(first, NOW + 90 * DAY))
  const after = (await next(first, 0, NOW + 91 * DAY))!
  deepStrictEqual(after.authorities, first.authorities)
  ok(isValid(after, NOW + 91 * DAY))
  const anew = (await next(first, 0, NOW + 721 * DAY))!
  ok(anew.authorities.length === 1 && anew.authorities[0] !== first.authorities[0])
  const named = (await next(first, 0, NOW, { names: [...TERMS.names, 'hooks.example'] }))!
  ok(new X509Certificate(named.serving.certificate).checkHost('hooks.example') !== undefined)
  strictEqual(await next(named, 0, NOW), null)
  // A certificate never outlives its authority.
  const short = (await next(null, 0, NOW, { authorityLifetimeMs: 30 * DAY }))!
  strictEqual(validityOf(short.serving.certificate).untilMs, NOW + 30 * DAY)
})

test('over ten years there is at every moment a certificate that those believe who know the bundle, old or new', async () => {
  let material: Material | null = null
  let announcedAtMs = 0
  let [made, signers] = [0, new Set<string>()]
  for (let nowMs = NOW; nowMs < NOW + 3650 * DAY; nowMs += 5 * DAY) {
    const before: Material | null = material
    const following = await next(material, nowMs - announcedAtMs, nowMs)
    if (following !== null) {
      made++
      if (following.authorities[0] !== before?.authorities[0]) announcedAtMs = nowMs
      material = following
    }
    const certificate = new X509Certificate(material!.serving.certificate)
    const trusted = (bundle: Material): boolean =>
      bundle.authorities.some((pem) => nowMs < validityOf(pem).untilMs && certificate.checkIssued(new X509Certificate(pem)))
    ok(trusted(material!) && nowMs < validityOf(material!.serving.certificate).untilMs)
    if (before !== null) ok(trusted(before), 'who still has the bundle of the last look must believe it, too')
    ok(material!.authorities.length <= 3)
    signers = signers.add(material!.authorities[0])
  }
  ok(made > 80 && signers.size >= 10, `${made} ${signers.size}`)
})
