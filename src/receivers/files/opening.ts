import { closeSync, type Stats } from 'node:fs'
import type { Archive } from './archive.ts'
import { InflatedBytes, openOrNone, PlainBytes } from './byte-source.ts'
import type { Generation } from './generation.ts'
import { isSame, keyOf, type Position } from './identity.ts'
import { compressedSize, findMoved, type Moved } from './rotated.ts'

/** Opens what was closed for the sake of others, wherever it is by then. */
export class Opening {
  private readonly archive: Archive

  constructor(archive: Archive) {
    this.archive = archive
  }

  /**
   * Opens a generation to read it, where it is now. `full`: there is no room, for a while. `changed`: the file is there, and holds something else.
   * `taken`: it is read as another generation.
   */
  open(path: string, generation: Generation, isAtPath: boolean): 'open' | 'full' | 'changed' | 'taken' | 'gone' {
    if (!this.archive.files.takes(generation)) return 'full'
    const isSameFile = this.openHere(generation)
    if (generation.source !== null) return 'open'
    if (isSameFile && isAtPath) return 'changed'
    const found = this.seek(path, generation.here(path), isSameFile)
    if (found === null) return 'gone'
    const { file, inflatedSize, stats } = found
    if (file !== null && found.kind === 'copied' && this.archive.isLive(file)) {
      closeSync(file.fd)
      return 'taken'
    }
    this.rename(generation, stats)
    generation.path = found.path
    if (inflatedSize === null) {
      generation.inflatedSize = null
      generation.size = stats.size
      generation.source = new PlainBytes(file!.fd, this.archive.files)
    } else {
      generation.compressedAs(found.path, inflatedSize)
      this.openHere(generation)
    }
    return generation.source === null ? 'gone' : 'open'
  }

  // A renamed file is sought where its directory was listed already since the last look, too: most often it is there, and is looked at as it is now.
  private seek(path: string, here: Position, isEmptied: boolean): Moved | null {
    const known = isEmptied ? null : findMoved(this.archive.beside(path, 0), here, false)
    if (known?.kind === 'renamed') return known
    if (known?.file != null) closeSync(known.file.fd)
    return findMoved(this.archive.beside(path, this.archive.ask(null)), here, isEmptied)
  }

  // Opens it where it was last. Returns whether the file is there, whatever it holds now.
  private openHere(generation: Generation): boolean {
    const { path, head, isCompressed } = generation
    if (isCompressed && compressedSize(path, head) === null) return false
    const file = openOrNone(path)
    if (file === null) return false
    const { fd, stats } = file
    const isSameFile = keyOf(stats) === keyOf(generation)
    if (isCompressed) generation.source = new InflatedBytes(fd, this.archive.files)
    else if (isSameFile && isSame(fd, generation.here(path), stats.size)) generation.source = new PlainBytes(fd, this.archive.files)
    else closeSync(fd)
    return isSameFile
  }

  // What it holds is in another file now, by which it is remembered.
  private rename(generation: Generation, stats: Stats): void {
    if (keyOf(stats) === keyOf(generation)) return
    const { positions, live } = this.archive
    const remembered = positions.of(generation)
    if (remembered?.head.hash === generation.head.hash) positions.rename(remembered, stats, Date.now())
    if (live.get(keyOf(generation)) === generation) live.delete(keyOf(generation))
    generation.dev = stats.dev
    generation.ino = stats.ino
    this.archive.enter(generation)
  }
}
