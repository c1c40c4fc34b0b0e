import type { Json } from './json.ts'

/** One operation of a JSON Patch (RFC 6902). Nothing is ever replaced or removed. */
export interface PatchOperation {
  readonly op: 'add'
  readonly path: string
  readonly value: unknown
}

type Steps = readonly (string | number)[]

/** As much may be added to one pod: what is stored of it must be smaller than 1.5 MiB. */
export const PATCH_BYTES_MAX = 2 * 1024 * 1024

/**
 * Collects what is to be added to an object. Lists that are there grow, lists and mappings that are not are made, and nothing that is there changes.
 * Where something of another kind stands, nothing is added. What goes to the front of a list is told last, so that until then each item keeps its number.
 */
export class Patch {
  private readonly operations: PatchOperation[] = []
  private readonly atFront: PatchOperation[] = []
  /** Lists and mappings that are made, by their pointer. */
  private readonly made = new Map<string, Json>()
  private readonly target: Json
  private bytes = 0

  constructor(target: Json) {
    this.target = target
  }

  /** Adds to the end of a list. */
  append(steps: Steps, values: readonly Json[]): void {
    const there = this.at(steps)
    if (values.length === 0) return
    if (there === undefined || there === null) this.make(steps, [...values])
    else if (Array.isArray(there)) {
      for (const value of values) {
        this.bytes += sizeOf(value)
        this.add([...steps, '-'], value)
      }
    }
  }

  /** Adds to the front of a list, once for each list. */
  prepend(steps: Steps, value: Json): void {
    const there = this.at(steps)
    if (Array.isArray(there)) {
      this.bytes += sizeOf(value)
      this.atFront.push({ op: 'add', path: pointer([...steps, 0]), value })
    } else if (there === undefined || there === null) this.make(steps, [value])
  }

  /** Adds a key to a mapping. */
  set(steps: Steps, key: string, value: Json): void {
    this.make([...steps, key], value)
  }

  /** Has it become more than may be added? */
  get isTooLarge(): boolean {
    return this.bytes > PATCH_BYTES_MAX
  }

  all(): PatchOperation[] {
    return [...this.operations, ...this.atFront]
  }

  // What is not there is made from the highest mapping on that is missing.
  private make(steps: Steps, value: Json): void {
    this.bytes += sizeOf(value)
    const made = this.made.get(pointer(steps))
    const above = steps.slice(0, -1)
    if (Array.isArray(made)) made.push(...value)
    else if (this.made.has(pointer(above))) {
      this.made.get(pointer(above))[steps.at(-1)!] = value
      this.made.set(pointer(steps), value)
    } else if (above.length > 0 && (this.at(above) ?? null) === null) {
      this.make(above, {})
      if (this.made.has(pointer(above))) this.make(steps, value)
    } else if (above.length === 0 || isMapping(this.at(above))) {
      this.made.set(pointer(steps), value)
      this.add(steps, value)
    }
  }

  private add(steps: Steps, value: Json): void {
    this.operations.push({ op: 'add', path: pointer(steps), value })
  }

  private at(steps: Steps): Json {
    let value = this.target
    for (const step of steps) value = value?.[step]
    return value
  }
}

const sizeOf = (value: Json): number => JSON.stringify(value).length
const isMapping = (value: Json): boolean => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The steps as a JSON pointer (RFC 6901). */
export function pointer(steps: Steps): string {
  return steps.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}
