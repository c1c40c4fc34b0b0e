import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { messageOf, RefusedError } from '../errors.ts'
import type { ClientTls } from './http-client.ts'

/** Where a client's certificates are; all PEM, all optional. */
export interface ClientTlsFiles {
  readonly caFile?: string | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
  readonly insecure: boolean
}

/** Reads and checks the files. Throws RefusedError that names the option, never the content. */
export async function readTls({ caFile, certFile, keyFile, insecure }: ClientTlsFiles, option: string): Promise<ClientTls> {
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new RefusedError('invalid', `${option}: expected both certFile and keyFile, or neither`)
  const [ca, cert, key] = await Promise.all([
    read(caFile, `${option}.caFile`),
    read(certFile, `${option}.certFile`),
    read(keyFile, `${option}.keyFile`)
  ])
  try {
    createSecureContext({ ca, cert, key })
  } catch (error) {
    throw new RefusedError('invalid', `${option}: these files cannot be used: ${messageOf(error)}`)
  }
  return { ca, cert, key, insecure }
}

async function read(file: string | undefined, option: string): Promise<Buffer | undefined> {
  if (file === undefined) return undefined
  try {
    return await readFile(file)
  } catch (error) {
    throw new RefusedError('invalid', `${option}: cannot read the file (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`)
  }
}
