import { kindOf } from './kinds.ts'
import { safeText } from './mask.ts'
import { nearest, sameWord } from './nearest.ts'
import { keyPath, type Place, type Problem } from './problem.ts'
import type { Shape } from './schema.ts'

/** Every key that a file may have, and where: it knows what an unknown key was meant to be. */
export class Vocabulary {
  private readonly homes = new Map<string, string[]>()

  /** Learns a key that may stand under `path`, and all options below it. */
  learn(path: string, key: string, shape: Shape = {}): void {
    const homes = this.homes.get(key)
    if (homes === undefined) this.homes.set(key, [path])
    else if (!homes.includes(path)) homes.push(path)
    for (const [name, type] of Object.entries(shape)) {
      const kind = kindOf(type)
      const item = kind.item === undefined ? undefined : kindOf(kind.item)
      this.learn(keyPath(path, key), name, kind.shape ?? item?.shape)
    }
  }

  /** The problem with a key that is not one of `known`, with the most helpful remedy there is. */
  unknownKey(key: string, known: readonly string[], path: string, place: Place): Problem {
    const shown = safeText(key)
    return {
      place,
      path: shown === JSON.stringify(key) ? keyPath(path, key) : path,
      came: `the unknown key ${shown}`,
      expected: known.length === 0 ? 'no keys here' : `${known.length === 1 ? '' : 'one of '}${known.join(', ')}`,
      remedy: this.remedy(key, known, path)
    }
  }

  private remedy(key: string, known: readonly string[], path: string): string {
    const same = known.find((candidate) => sameWord(candidate, key))
    if (same !== undefined) return `did you mean ${same}?`
    if (this.homes.has(key)) return `${key} belongs ${this.homesText(key, path)}`
    const near = nearest(key, known)
    if (near !== undefined) return `did you mean ${near}?`
    const far = nearest(key, this.homes.keys())
    return far === undefined
      ? 'remove it; the reference page lists all keys'
      : `did you mean ${far}? It belongs ${this.homesText(far, path)}`
  }

  private homesText(key: string, path: string): string {
    const homes = this.homes.get(key) ?? []
    const near = homes.filter((home) => path !== '' && home.startsWith(path))
    const texts = (near.length > 0 ? near : homes).map((home) => (home === '' ? 'at the top level' : `under ${home}`))
    return texts.length > 3 ? `${texts.slice(0, 3).join(', ')} and elsewhere` : texts.join(' or ')
  }
}
