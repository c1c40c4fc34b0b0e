import { type Attribute, readAttributes } from './attributes.ts'
import type { Shape } from './point.ts'
import type { Metric, Stream, Target } from './series.ts'

/** The field that holds a data point's attributes. */
const ATTRIBUTES: Readonly<Record<Shape, number>> = { number: 7, histogram: 9, exponential: 1, summary: 7 }

/** The attributes of a point, from the bytes that are its key. */
export function attributesOf(key: string, shape: Shape): Attribute[] {
  const bytes = Buffer.from(key, 'latin1')
  return readAttributes(bytes, 0, bytes.length, ATTRIBUTES[shape])
}

export function sameAttributes(a: readonly Attribute[], b: readonly Attribute[]): boolean {
  return a.length === b.length && a.every(([key, value], i) => key === b[i][0] && value === b[i][1])
}

/**
 * A source whose resource gained or lost attributes, as when the facts of its pod become known, is still the same source: it started in the same
 * nanosecond. Taken for two, its counts would be added to themselves.
 */
export function isMoved(stream: Stream, { scope: { target } }: Metric, startNs: number): boolean {
  const other = stream.metric.scope.target
  return stream.startNs === startNs && other !== target && (includes(target, other) || includes(other, target))
}

function includes(target: Target, other: Target): boolean {
  const all = new Map(resourceAttributes(target.key))
  return resourceAttributes(other.key).every(([key, value]) => all.get(key) === value)
}

/** The attributes of a resource, from the bytes that are its key. The wire: Resource { attributes = 1 } */
export function resourceAttributes(key: string): Attribute[] {
  const bytes = Buffer.from(key, 'latin1')
  return readAttributes(bytes, 0, bytes.length, 1)
}
