import type { AnyValue } from '../../otlp/objects.ts'
import { type Attributes, type Json, type JsonMap, jsonMap, jsonOf, textOf } from './values.ts'

/** Attributes that are put in their places one after another; what nobody took is left at the end. */
export class Taken {
  private readonly attributes: Attributes
  private readonly taken = new Set<string>()

  constructor(attributes: Attributes) {
    this.attributes = attributes
  }

  /** Looks without taking. */
  get(key: string): AnyValue | undefined {
    return this.attributes.get(key)
  }

  /** The text of the first of the keys that has one that is not empty. All of the keys are taken. */
  text(...keys: readonly string[]): string | undefined {
    let found: string | undefined
    for (const key of keys) {
      const text = textOf(this.take(key))
      if (text !== undefined && text !== '') found ??= text
    }
    return found
  }

  take(key: string): AnyValue | undefined {
    const value = this.attributes.get(key)
    if (value !== undefined) this.taken.add(key)
    return value
  }

  json(key: string): Json | undefined {
    const value = this.take(key)
    return value === undefined ? undefined : jsonOf(value)
  }

  /** What is left of the keys that begin so. */
  under(prefixes: readonly string[]): JsonMap {
    return this.where((key) => prefixes.some((prefix) => key.startsWith(prefix)))
  }

  /** All that is left. */
  rest(): JsonMap {
    return this.where(() => true)
  }

  private where(fits: (key: string) => boolean): JsonMap {
    const found = jsonMap()
    for (const [key, value] of this.attributes) {
      if (this.taken.has(key) || !fits(key)) continue
      this.taken.add(key)
      const json = jsonOf(value)
      if (json !== undefined) found[key] = json
    }
    return found
  }
}
