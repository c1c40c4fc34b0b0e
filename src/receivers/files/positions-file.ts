import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { type Heading, Positions } from './positions.ts'

const FILE = 'positions'

/** Where positions are kept from one start to the next: a file that is either as it was or as it is to be, whatever happens meanwhile. */
export class PositionsFile {
  private readonly directory: string

  constructor(directory: string) {
    this.directory = directory
  }

  /** What was saved; nothing where nothing was. What is damaged is set aside, and `damaged` says how much could not be read. */
  async load(entriesMax: number): Promise<{ positions: Positions; damaged: number }> {
    const positions = new Positions(entriesMax)
    const path = join(this.directory, FILE)
    let text: string
    try {
      text = await readFile(path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { positions, damaged: 0 }
      throw error
    }
    const damaged = positions.read(text)
    if (damaged > 0) await rename(path, `${path}.damaged`)
    return { positions, damaged }
  }

  /** Resolves when all is on disk. Not safe to call again before it has settled. */
  async save(positions: Positions, heading: Heading): Promise<void> {
    const path = join(this.directory, FILE)
    const next = `${path}.next`
    const text = positions.text(heading)
    await mkdir(this.directory, { recursive: true })
    const file = await open(next, 'w', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(next, path)
    const directory = await open(this.directory, 'r')
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  }
}
