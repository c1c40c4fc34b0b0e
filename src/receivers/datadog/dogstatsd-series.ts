import type { Draft, KeyValue } from '../../otlp/objects.ts'
import { ValueHistogram } from './dogstatsd-histogram.ts'

/** What a metric's values amount to. */
export const COUNT = 0
export const GAUGE = 1
export const HISTOGRAM = 2
export const SET = 3

/** All metrics of one name and kind. */
export interface Family {
  readonly name: string
  readonly kind: number
  /** A count that has been counted down, and so is no count that only grows. */
  isUpDown: boolean
  /** `ms` where its values were sent as such. */
  unit: string
  series: number
}

/** One metric with one set of tags. */
export class Series {
  readonly family: Family
  readonly attributes: readonly Draft<KeyValue>[]
  readonly startNano: bigint
  /** Characters that it is known by. */
  readonly size: number
  /** Total of a count, last value of a gauge. */
  value = 0
  /** When a gauge had its value, if its sender said so; else 0. */
  atMs = 0
  readonly histogram: ValueHistogram | null
  /** Members of a set, as hashes. */
  members: Set<number> | null
  /** There is something to tell. */
  isDirty = false
  touchedMs: number
  toldMs = 0

  constructor(family: Family, attributes: readonly Draft<KeyValue>[], startNano: bigint, size: number, nowMs: number) {
    this.family = family
    this.attributes = attributes
    this.startNano = startNano
    this.size = size
    this.touchedMs = nowMs
    this.histogram = family.kind === HISTOGRAM ? new ValueHistogram() : null
    this.members = family.kind === SET ? new Set() : null
  }

  /** Adds to a count. False where the total would be no number any more. */
  count(value: number): boolean {
    const total = this.value + value
    if (!Number.isFinite(total)) return false
    this.value = total
    if (value < 0) this.family.isUpDown = true
    this.isDirty = true
    return true
  }

  /** The value of a gauge; one with a time does not replace a later one that has not been told yet. */
  set(value: number, atMs: number): void {
    if (atMs !== 0 && this.isDirty && this.atMs > atMs) return
    this.value = value
    this.atMs = atMs
    this.isDirty = true
  }

  record(value: number, rate: number): boolean {
    if (!this.histogram!.add(value, rate)) return false
    this.isDirty = true
    return true
  }
}

/** 52 bits of a text: two of a million different ones are taken for one another once in ten thousand times. */
export function hashOf(text: string): number {
  let one = 0x811c9dc5
  let other = 0x9747b28c
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    one = Math.imul(one ^ unit, 0x01000193)
    other = Math.imul(other ^ unit, 0x5bd1e995)
    other ^= other >>> 15
  }
  return ((one ^ (one >>> 13)) >>> 0) * 0x10_0000 + ((other >>> 0) & 0xf_ffff)
}
