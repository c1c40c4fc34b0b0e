// What the Secret keeps, all PEM, under the keys that cert-manager and others use, too:
//   ca.crt   the authorities that are trusted, newest first   ca.key   the key of the newest
//   tls.crt  the certificate that is served                   tls.key  its key
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { makeAuthority, makeServing, type Signed, type Validity } from './make.ts'

export interface Material {
  /** Newest first; the newest signs. */
  readonly authorities: readonly string[]
  readonly authorityKey: string
  readonly serving: Signed
}

/** How certificates are to be. Times in ms. */
export interface Terms {
  /** DNS names and IP addresses of the server. */
  readonly names: readonly string[]
  readonly lifetimeMs: number
  readonly authorityLifetimeMs: number
  /** The share of its lifetime after which one is followed by the next. */
  readonly renewAt: number
  readonly settleMs: number
  readonly skewMs: number
}

/** With a renewal that is early by mistake, or settings of seconds, this many are enough. */
const AUTHORITIES_MAX = 4
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** Reads the data of a Secret; null if anything of it is missing or does not fit together. */
export function readMaterial(data: unknown): Material | null {
  const value = (key: string): string => {
    const found = typeof data === 'object' && data !== null ? (data as Record<string, unknown>)[key] : undefined
    return typeof found === 'string' ? Buffer.from(found, 'base64').toString('latin1') : ''
  }
  const authorities = (value('ca.crt').match(PEM) ?? []).slice(0, AUTHORITIES_MAX).map((pem) => `${pem}\n`)
  const material = { authorities, authorityKey: value('ca.key'), serving: { certificate: value('tls.crt'), key: value('tls.key') } }
  return fits(material) ? material : null
}

export function writeMaterial({ authorities, authorityKey, serving }: Material): Record<string, string> {
  const texts = { 'ca.crt': authorities.join(''), 'ca.key': authorityKey, 'tls.crt': serving.certificate, 'tls.key': serving.key }
  return Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString('base64')]))
}

/** What clients are to trust: every authority that may have signed what some replica still serves. */
export const bundleOf = ({ authorities }: Material): string => Buffer.from(authorities.join('')).toString('base64')

/** How long a certificate is valid. */
export function validityOf(pem: string): Validity {
  const { validFromDate, validToDate } = new X509Certificate(pem)
  return { fromMs: validFromDate.getTime(), untilMs: validToDate.getTime() }
}

/** Can it still be served, and be believed? */
export function isValid({ authorities, serving }: Material, nowMs: number): boolean {
  return [authorities[0], serving.certificate].every((pem) => nowMs < validityOf(pem).untilMs)
}

/**
 * What is to follow `material`, or null while it is good as it is. A new authority is announced first; `announcedMs` says for how long the newest
 * one has been, and only then does it sign what is served. So at every moment what is served is believed by those who know the old bundle or the new.
 */
export async function renewed(material: Material | null, announcedMs: number, terms: Terms, nowMs: number): Promise<Material | null> {
  if (material === null || nowMs >= validityOf(material.authorities[0]).untilMs) return fresh(terms, nowMs)
  const { authorities, serving } = material
  const kept = authorities.filter((pem, i) => i === 0 || nowMs < validityOf(pem).untilMs)
  const next = { ...material, authorities: kept }
  if (nowMs >= validityOf(serving.certificate).untilMs) return { ...next, serving: await newServing(next, terms, nowMs) }
  if (!isSignedBy(new X509Certificate(serving.certificate), new X509Certificate(authorities[0]))) {
    if (announcedMs >= terms.settleMs) return { ...next, serving: await newServing(next, terms, nowMs) }
  } else if (isDue(authorities[0], terms, nowMs)) {
    const { certificate, key } = await newAuthority(terms, nowMs)
    return { authorities: [certificate, ...kept].slice(0, AUTHORITIES_MAX), authorityKey: key, serving }
  } else if (isDue(serving.certificate, terms, nowMs) || !isFor(serving.certificate, terms.names))
    return { ...next, serving: await newServing(next, terms, nowMs) }
  return kept.length === authorities.length ? null : next
}

async function fresh(terms: Terms, nowMs: number): Promise<Material> {
  const authority = await newAuthority(terms, nowMs)
  const next = { authorities: [authority.certificate], authorityKey: authority.key }
  return { ...next, serving: await newServing(next, terms, nowMs) }
}

function newAuthority({ authorityLifetimeMs, skewMs }: Terms, nowMs: number): Promise<Signed> {
  return makeAuthority({ fromMs: nowMs - skewMs, untilMs: nowMs + authorityLifetimeMs })
}

function newServing({ authorities, authorityKey: key }: Omit<Material, 'serving'>, terms: Terms, nowMs: number): Promise<Signed> {
  const certificate = authorities[0]
  const untilMs = Math.min(nowMs + terms.lifetimeMs, validityOf(certificate).untilMs)
  return makeServing({ certificate, key }, terms.names, { fromMs: nowMs - terms.skewMs, untilMs })
}

function isDue(pem: string, { renewAt }: Terms, nowMs: number): boolean {
  const { fromMs, untilMs } = validityOf(pem)
  return nowMs >= fromMs + (untilMs - fromMs) * renewAt
}

function isFor(pem: string, names: readonly string[]): boolean {
  const certificate = new X509Certificate(pem)
  return names.every((name) => (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined)
}

function isSignedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey)
}

function fits({ authorities, authorityKey, serving }: Material): boolean {
  try {
    const signers = authorities.map((pem) => new X509Certificate(pem))
    const certificate = new X509Certificate(serving.certificate)
    return (
      signers.length > 0 &&
      signers.every(({ ca }) => ca) &&
      signers[0].checkPrivateKey(createPrivateKey(authorityKey)) &&
      certificate.checkPrivateKey(createPrivateKey(serving.key)) &&
      signers.some((signer) => isSignedBy(certificate, signer))
    )
  } catch {
    return false
  }
}
