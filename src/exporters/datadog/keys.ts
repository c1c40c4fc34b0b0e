import { readFile } from 'node:fs/promises'
import { RefusedError } from '../../errors.ts'

const KEY_BYTES_MAX = 4096

/** The API key: from a file where one is named, else as it was given. */
export class ApiKey {
  private readonly given: string | undefined
  private readonly file: string | undefined
  private readonly place: string
  private current = ''

  constructor(given: string | undefined, file: string | undefined, place: string) {
    this.given = given
    this.file = file
    this.place = place
  }

  get value(): string {
    return this.current
  }

  /** Throws RefusedError when there is no key, or none that a header may hold. */
  async read(): Promise<void> {
    const { given, file, place } = this
    if (given === undefined && file === undefined)
      throw new RefusedError('invalid', `${place}: expected apiKey (or DD_API_KEY), or apiKeyFile`)
    const option = file === undefined ? `${place}.apiKey` : `${place}.apiKeyFile`
    const key = (file === undefined ? given! : await contentOf(file, option)).trim()
    if (!/^[\x21-\x7e]+$/.test(key)) throw new RefusedError('invalid', `${option}: expected one key of letters and digits`)
    this.current = key
  }

  /** Reads the file again; true when the key is another one now. What cannot be read leaves the key as it is. */
  async renew(): Promise<boolean> {
    if (this.file === undefined) return false
    const before = this.current
    try {
      await this.read()
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error
    }
    return this.current !== before
  }
}

async function contentOf(file: string, option: string): Promise<string> {
  try {
    const bytes = await readFile(file)
    if (bytes.length <= KEY_BYTES_MAX) return bytes.toString('utf8')
  } catch (error) {
    throw new RefusedError('invalid', `${option}: cannot read the file (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`)
  }
  throw new RefusedError('invalid', `${option}: the file is too large for a key`)
}
