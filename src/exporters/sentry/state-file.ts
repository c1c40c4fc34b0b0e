import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What must survive a restart, as one small JSON file in the component's directory; without a directory nothing is kept. */
export class StateFile {
  private readonly dir: string | undefined
  private readonly name: string

  constructor(dir: string | undefined, name: string) {
    this.dir = dir
    this.name = name
  }

  /** The object that was written last; an empty one where there is none, or none that can be read. */
  read(): Record<string, unknown> {
    if (this.dir === undefined) return {}
    try {
      const value: unknown = JSON.parse(readFileSync(join(this.dir, this.name), 'utf8'))
      return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
    } catch {
      return {}
    }
  }

  /** Replaces the file as a whole. Throws what the disk throws. */
  write(value: object): void {
    if (this.dir === undefined) return
    mkdirSync(this.dir, { recursive: true })
    const path = join(this.dir, this.name)
    writeFileSync(`${path}.new`, JSON.stringify(value))
    renameSync(`${path}.new`, path)
  }
}
