import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from './temporary-directory.ts'

/** PEM files, made anew for every test run so that none expires. */
export interface Certificates {
  readonly dir: string
  readonly caFile: string
  /** For 127.0.0.1 and localhost, signed by the authority. */
  readonly serverCertFile: string
  readonly serverKeyFile: string
  /** For another name, signed by the authority. */
  readonly otherCertFile: string
  readonly otherKeyFile: string
  readonly clientCertFile: string
  readonly clientKeyFile: string
}

/** Makes an authority and what it signs, with the openssl command. Null where there is none: the test is to be skipped, saying so. */
export function makeCertificates(): Certificates | null {
  const dir = temporaryDirectory()
  const path = (name: string): string => join(dir, name)
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const sign = (name: string, subject: string, names: string): void => {
    openssl('req', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${subject}`)
    writeFileSync(path(`${name}.ext`), `subjectAltName=${names}\n`)
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-days',
      '2',
      '-out',
      `${name}.pem`,
      '-extfile',
      `${name}.ext`
    )
  }
  try {
    openssl('req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=test authority')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
  sign('server', 'localhost', 'DNS:localhost,IP:127.0.0.1')
  sign('other', 'elsewhere', 'DNS:elsewhere.example')
  sign('client', 'gateway', 'DNS:gateway.example')
  return {
    dir,
    caFile: path('ca.pem'),
    serverCertFile: path('server.pem'),
    serverKeyFile: path('server.key'),
    otherCertFile: path('other.pem'),
    otherKeyFile: path('other.key'),
    clientCertFile: path('client.pem'),
    clientKeyFile: path('client.key')
  }
}

/** The content of PEM files, for servers of the test's own. */
export const readPem = (...files: string[]): Buffer[] => files.map((file) => readFileSync(file))
