import type { JsonObject } from './envelope.ts'

/** A rule as Sentry's API takes it; Sentry's answers have more fields, and numbers of its own. */
export type AlertRule = JsonObject & { readonly name: string }

/** One rule: what to do about it, and what would change. */
export interface AlertStep {
  readonly rule: AlertRule
  readonly action: 'create' | 'change' | 'keep'
  /** Sentry's number for it, where it is there. */
  readonly id: string | undefined
  /** Places with what stands there now and what is wanted. */
  readonly changes: readonly { readonly place: string; readonly from: unknown; readonly to: unknown }[]
}

/** Compares what is wanted with what is there, by name. What is there beside it is left alone, and so are the fields that `wanted` does not name. */
export function planAlerts(wanted: readonly AlertRule[], present: readonly JsonObject[]): AlertStep[] {
  return wanted.map((rule) => {
    const found = present.find(({ name }) => name === rule.name)
    if (found === undefined) return { rule, action: 'create', id: undefined, changes: [] }
    const changes = differences('', found, rule)
    return { rule, action: changes.length === 0 ? 'keep' : 'change', id: String(found.id), changes }
  })
}

function differences(place: string, from: unknown, to: unknown): { place: string; from: unknown; to: unknown }[] {
  if (Array.isArray(to)) {
    if (!Array.isArray(from) || from.length !== to.length) return [{ place, from, to }]
    return to.flatMap((item, i) => differences(`${place}[${i}]`, from[i], item))
  }
  if (typeof to === 'object' && to !== null) {
    if (typeof from !== 'object' || from === null) return [{ place, from, to }]
    return Object.entries(to).flatMap(([key, value]) =>
      differences(place === '' ? key : `${place}.${key}`, (from as Record<string, unknown>)[key], value)
    )
  }
  // Sentry gives back some numbers as texts, and the other way round.
  return String(from) === String(to) ? [] : [{ place, from, to }]
}
