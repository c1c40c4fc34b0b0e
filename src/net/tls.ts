import { readFile } from 'node:fs/promises'
import { createSecureContext, type TlsOptions } from 'node:tls'
import { messageOf, RefusedError } from '../errors.ts'

/** Where a listener's certificates are; all PEM. With `clientCaFile`, clients must show a certificate that one of these authorities signed. */
export interface TlsFiles {
  readonly certFile: string
  readonly keyFile: string
  /** Empty: clients need no certificate. */
  readonly clientCaFile: string
}

/** Reads and checks the files. Throws RefusedError that names the option, never the content. */
export async function loadTls(files: TlsFiles, option: string, handshakeTimeout: number): Promise<TlsOptions> {
  if (files.certFile === '' || files.keyFile === '') throw new RefusedError('unavailable', `${option}: expected both certFile and keyFile`)
  const read = async (key: keyof TlsFiles): Promise<Buffer> => {
    try {
      return await readFile(files[key])
    } catch (error) {
      throw new RefusedError(
        'unavailable',
        `${option}.${key}: cannot read the file (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`
      )
    }
  }
  const options = { cert: await read('certFile'), key: await read('keyFile'), minVersion: 'TLSv1.2', handshakeTimeout } as const
  const client = files.clientCaFile === '' ? {} : { ca: await read('clientCaFile'), requestCert: true, rejectUnauthorized: true }
  try {
    createSecureContext({ ...options, ...client })
  } catch (error) {
    throw new RefusedError('unavailable', `${option}: certificate and key cannot be used: ${messageOf(error)}`)
  }
  return { ...options, ...client }
}
