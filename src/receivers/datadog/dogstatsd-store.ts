import type { Draft, KeyValue } from '../../otlp/objects.ts'
import { COUNT, type Family, HISTOGRAM, hashOf, SET, Series } from './dogstatsd-series.ts'
import { own, readTagged } from './dogstatsd-tags.ts'

/** Senders that are told apart at once; all others are one. */
const SENDERS_MAX = 256
/** What series are known by may be so long on average; more, and there is no room for another. */
const KEY_CHARACTERS_PER_SERIES = 1024
/** Ways to write the same tags that are remembered, for each series there may be. */
const SPELLINGS_PER_SERIES = 2
/** Members of all sets in one interval. */
export const SET_MEMBERS_MAX = 100_000
/** While there is no room, series that were quiet for so long make some. */
const EVICTED_AFTER_MS = 60_000
/** Prometheus reads times as doubles: what is to be told apart must be this far apart. */
const START_STEP_NANO = 1024n
const NANO_PER_MS = 1_000_000n

export interface StoreLimits {
  readonly seriesMax: number
  readonly expireAfterMs: number
}

/** Series with one resource. */
export interface Target {
  readonly resource: readonly Draft<KeyValue>[]
  readonly series: Map<string, Series>
}

/** One who sends. */
export interface Source {
  /** Its IP address; undefined where there is none, or too many. */
  readonly sender: string | undefined
  readonly targets: Map<string, Target>
  /** Series by what is written in a message beside the values: the same tags in another order are another text. */
  readonly spellings: Map<string, Series>
}

/** The series of all senders, each under what tells it from others. */
export class Store {
  readonly sources = new Map<string, Source>()
  /** Series now, and those that have gone because they were quiet. */
  size = 0
  expired = 0
  private readonly limits: StoreLimits
  private readonly families = new Map<string, Family>()
  private readonly others: Source = { sender: undefined, targets: new Map(), spellings: new Map() }
  private keyCharacters = 0
  private spellings = 0
  private spellingCharacters = 0
  private members = 0
  private lastStartNano = 0n

  constructor(limits: StoreLimits) {
    this.limits = limits
    this.sources.set('', this.others)
  }

  sourceOf(sender: string): Source {
    const known = this.sources.get(sender)
    if (known !== undefined) return known
    if (this.sources.size > SENDERS_MAX) return this.others
    const made: Source = { sender, targets: new Map(), spellings: new Map() }
    this.sources.set(sender, made)
    return made
  }

  /** The series of a message; undefined where there is no room for another. `fields`: see `readTagged`, each behind its `|`. */
  seriesOf(source: Source, name: string, kind: number, type: string, fields: string): Series | undefined {
    const spelling = `${name}|${type}${fields}`
    return source.spellings.get(spelling) ?? this.meet(source, spelling, name, kind, type, fields)
  }

  /** Adds a member to a set. False where all sets are full. */
  addMember(series: Series, member: string): boolean {
    const hash = hashOf(member)
    const members = series.members!
    if (!members.has(hash)) {
      if (this.members >= SET_MEMBERS_MAX) return false
      this.members++
      members.add(hash)
    }
    series.isDirty = true
    return true
  }

  /** The number of different members since the last time. */
  takeMembers(series: Series): number {
    const { size } = series.members!
    this.members -= size
    series.members = new Set()
    return size
  }

  /** Forgets series that have been quiet for long. */
  expire(nowMs: number): void {
    const { expireAfterMs, seriesMax } = this.limits
    const idleMs = this.hasRoom(0) && this.size < seriesMax ? expireAfterMs : Math.min(expireAfterMs, EVICTED_AFTER_MS)
    for (const [sender, source] of this.sources) {
      const before = this.size
      for (const [key, target] of source.targets) {
        for (const [text, series] of target.series) {
          if (series.isDirty) series.touchedMs = nowMs
          else if (nowMs - series.touchedMs >= idleMs) this.forget(target, text, series)
        }
        if (target.series.size === 0) source.targets.delete(key)
      }
      if (this.size < before) this.forgetSpellings(source)
      if (source.targets.size === 0 && source !== this.others) this.sources.delete(sender)
    }
  }

  private meet(source: Source, spelling: string, name: string, kind: number, type: string, fields: string): Series | undefined {
    const { resource, attributes } = readTagged(fields.split('|'))
    const targetKey = keyOf(resource)
    const key = `${kind}${name}\0${keyOf(attributes)}`
    const known = source.targets.get(targetKey)?.series.get(key)
    const series = known ?? this.admit(source, targetKey, key, resource, attributes, name, kind, type)
    if (series !== undefined) this.remember(source, spelling, series)
    return series
  }

  private admit(
    source: Source,
    targetKey: string,
    key: string,
    resource: Readonly<Record<string, string>>,
    attributes: Readonly<Record<string, string | true>>,
    name: string,
    kind: number,
    type: string
  ): Series | undefined {
    const size = key.length + targetKey.length
    if (this.size >= this.limits.seriesMax || !this.hasRoom(size)) return undefined
    let target = source.targets.get(targetKey)
    if (target === undefined) {
      target = { resource: keyValues(resource), series: new Map() }
      source.targets.set(own(targetKey), target)
    }
    const series = new Series(this.familyOf(name, kind, type), keyValues(attributes), this.start(), size, Date.now())
    target.series.set(own(key), series)
    this.size++
    this.keyCharacters += size
    return series
  }

  private hasRoom(size: number): boolean {
    return this.keyCharacters + size <= this.limits.seriesMax * KEY_CHARACTERS_PER_SERIES
  }

  private familyOf(name: string, kind: number, type: string): Family {
    const key = `${kind}${name}`
    let family = this.families.get(key)
    if (family === undefined) {
      family = { name: own(name), kind, isUpDown: false, unit: '', series: 0 }
      this.families.set(own(key), family)
    }
    if (kind === HISTOGRAM && type === 'ms') family.unit = 'ms'
    family.series++
    return family
  }

  // When it began: never the same for two, so that nobody takes one for the other with more or fewer attributes.
  private start(): bigint {
    const nowNano = BigInt(Date.now()) * NANO_PER_MS
    const next = this.lastStartNano + START_STEP_NANO
    this.lastStartNano = nowNano > next ? nowNano : next
    return this.lastStartNano
  }

  private remember(source: Source, spelling: string, series: Series): void {
    const { seriesMax } = this.limits
    const isFull =
      this.spellings >= seriesMax * SPELLINGS_PER_SERIES ||
      this.spellingCharacters + spelling.length > seriesMax * SPELLINGS_PER_SERIES * KEY_CHARACTERS_PER_SERIES
    if (isFull) for (const each of this.sources.values()) this.forgetSpellings(each)
    source.spellings.set(own(spelling), series)
    this.spellings++
    this.spellingCharacters += spelling.length
  }

  private forgetSpellings({ spellings }: Source): void {
    this.spellings -= spellings.size
    for (const spelling of spellings.keys()) this.spellingCharacters -= spelling.length
    spellings.clear()
  }

  private forget(target: Target, key: string, series: Series): void {
    const { family, size, members } = series
    target.series.delete(key)
    this.size--
    this.expired++
    this.keyCharacters -= size
    if (members !== null) this.members -= members.size
    if (--family.series === 0) this.families.delete(`${family.kind}${family.name}`)
  }
}

/** Attributes as one text, each part behind its length, since they may hold any character. */
function keyOf(attributes: Readonly<Record<string, string | true>>): string {
  let text = ''
  for (const [key, value] of Object.entries(attributes))
    text += value === true ? `${key.length}:${key};` : `${key.length}:${key}${value.length}:${value};`
  return text
}

function keyValues(attributes: Readonly<Record<string, string | true>>): Draft<KeyValue>[] {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value: value === true ? { boolValue: true } : { stringValue: value }
  }))
}

/** Whether what a kind of metric has counted goes on from interval to interval. */
export function isCumulative(kind: number): boolean {
  return kind === COUNT || kind === HISTOGRAM
}

/** Whether the values of a kind are members, not numbers. */
export function isSet(kind: number): boolean {
  return kind === SET
}
