import { LogEntry, type LogValue } from './log-entry.ts'

/** Attributes of one record. What there are more are counted as dropped, and the line is kept. */
export const ATTRIBUTES_MAX = 128
/** Beside them, of those that are known: exceptions and ids are not lost to a crowd of fields. */
const KNOWN_ATTRIBUTES_MAX = 16
const KNOWN_MAX = ATTRIBUTES_MAX + KNOWN_ATTRIBUTES_MAX
export const KEY_CHARACTERS_MAX = 256

/** The attributes of the entry that is being filled. Each key stands there once. */
export class AttributeList {
  /** Not all that was put is there. */
  lossy = false
  private entry = new LogEntry()
  private given = 0
  /** Names of ids that were found inside of a context, and under which key. */
  private readonly inside = new Map<string, string>()

  /** Attributes that the entry has by now are replaced by what the line says under the same key. */
  open(entry: LogEntry): void {
    this.entry = entry
    this.given = entry.keys.length
    this.lossy = false
    if (this.inside.size > 0) this.inside.clear()
  }

  /** Takes all out again that was put since `open`. */
  reopen(): void {
    const { entry, given } = this
    entry.keys.length = given
    entry.values.length = given
    entry.droppedAttributes = 0
    this.open(entry)
  }

  /** An attribute of a name that is known. */
  put(key: string, value: LogValue): void {
    this.add(key, value, KNOWN_MAX)
  }

  /** An attribute as the line calls it. */
  putPlain(key: string, value: LogValue): void {
    this.add(key, value, ATTRIBUTES_MAX)
  }

  /** Puts a value under a known name; where another has it, which came first, under its own key. */
  rename(name: string, key: string, value: LogValue): void {
    const { entry, given } = this
    const at = entry.keys.indexOf(name)
    if (at < 0 && entry.keys.length < KNOWN_MAX) entry.add(name, value)
    else if (at < given) this.put(name, value)
    else if (entry.values[at] !== value) this.putPlain(key, value)
  }

  /** `rename` for ids: one that was found inside of a context leaves its name to one outside. */
  renameId(name: string, key: string, id: string, isInside: boolean): void {
    if (isInside) {
      if (!this.inside.has(name)) this.inside.set(name, key)
    } else if (this.inside.size > 0) this.moveAside(name)
    this.rename(name, key, id)
  }

  has(key: string): boolean {
    return this.entry.keys.includes(key)
  }

  private moveAside(name: string): void {
    const key = this.inside.get(name)
    const at = this.entry.keys.indexOf(name)
    if (key === undefined || at < this.given) return
    this.inside.delete(name)
    const [value] = this.entry.values.splice(at, 1)
    this.entry.keys.splice(at, 1)
    this.putPlain(key, value)
  }

  private add(key: string, value: LogValue, attributesMax: number): void {
    const { entry, given } = this
    const { keys, values } = entry
    if (keys.length >= attributesMax || key === '') {
      entry.droppedAttributes++
      this.lossy = true
      return
    }
    if (key.length > KEY_CHARACTERS_MAX) {
      key = key.slice(0, KEY_CHARACTERS_MAX)
      this.lossy = true
    }
    const at = keys.indexOf(key)
    if (at < 0) {
      keys.push(key)
      values.push(value)
      return
    }
    if (values[at] === value) return
    if (at >= given) this.lossy = true
    values[at] = value
  }
}
