import { randomBytes, type webcrypto } from 'node:crypto'
import { isIP } from 'node:net'

/** A certificate with its private key, both PEM. */
export interface Signed {
  readonly certificate: string
  readonly key: string
}

export interface Validity {
  readonly fromMs: number
  readonly untilMs: number
}

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

/** Makes an authority that signs certificates for servers and nothing else. Each has a name of its own, so that two can be told apart. */
export async function makeAuthority({ fromMs, untilMs }: Validity): Promise<Signed> {
  const x509 = await loadX509()
  const keys = await crypto.subtle.generateKey(EC, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=sluice-injector authority ${randomBytes(4).toString('hex')}`,
    notBefore: new Date(fromMs),
    notAfter: new Date(untilMs),
    signingAlgorithm: EC,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey)
    ]
  })
  return { certificate: pemOf(certificate.toString('pem')), key: await pemOfKey(keys.privateKey) }
}

/** Makes a certificate for a server of these names, DNS names and IP addresses, signed by the authority. */
export async function makeServing(authority: Signed, names: readonly string[], { fromMs, untilMs }: Validity): Promise<Signed> {
  const x509 = await loadX509()
  const issuer = new x509.X509Certificate(authority.certificate)
  const signingKey = await crypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(authority.key), EC, false, ['sign'])
  const keys = await crypto.subtle.generateKey(EC, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    // The name that counts is among the alternative ones; this one may have 64 characters only.
    subject: 'CN=sluice-injector',
    issuer: issuer.subject,
    notBefore: new Date(fromMs),
    notAfter: new Date(untilMs),
    signingAlgorithm: EC,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }))),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey)
    ]
  })
  return { certificate: pemOf(certificate.toString('pem')), key: await pemOfKey(keys.privateKey) }
}

// 20 MB and a tenth of a second, for something that is done a few times a year: a process that only serves never loads it.
const loadX509 = () => import('./x509.ts')

// Positive, and not to be guessed: https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.2
function serialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = (bytes[0] & 0x3f) | 0x40
  return bytes.toString('hex')
}

async function pemOfKey(key: webcrypto.CryptoKey): Promise<string> {
  const base64 = Buffer.from(await crypto.subtle.exportKey('pkcs8', key)).toString('base64')
  return pemOf(`-----BEGIN PRIVATE KEY-----\n${base64.replace(/.{64}(?=.)/g, '$&\n')}\n-----END PRIVATE KEY-----`)
}

const pemOf = (text: string): string => `${text.trim()}\n`
