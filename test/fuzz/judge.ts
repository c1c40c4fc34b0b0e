import protobuf from 'protobufjs'
import { type OtlpSignal, SHAPES } from '../../src/otlp/signal.ts'
import { judge } from './proto.ts'

/** A message as the judge decodes it. */
export type Plain = Record<string, unknown>

/** A request as the judge decodes it, unknown fields included. */
export interface Judged {
  readonly message: Plain
  /** Its ResourceSpans, ResourceLogs, … */
  readonly entries: Plain[]
}

// What the list is called at each level: resource entries, scope entries, records.
const LISTS: Record<OtlpSignal, readonly [string, string, string]> = {
  traces: ['resourceSpans', 'scopeSpans', 'spans'],
  metrics: ['resourceMetrics', 'scopeMetrics', 'metrics'],
  logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
  profiles: ['resourceProfiles', 'scopeProfiles', 'profiles']
}

const typeOf = (signal: OtlpSignal): protobuf.Type => judge(SHAPES[signal].request)

/** Throws what the judge throws when it does not take the bytes. */
export function judged(signal: OtlpSignal, bytes: Uint8Array): Judged {
  const message = decoded(signal, bytes, false)
  return { message, entries: list(message, LISTS[signal][0]) }
}

/** The same, of the known fields alone. */
export function judgedKnown(signal: OtlpSignal, bytes: Uint8Array): Plain {
  return decoded(signal, bytes, true)
}

function decoded(signal: OtlpSignal, bytes: Uint8Array, discardUnknown: boolean): Plain {
  const reader = protobuf.Reader.create(bytes)
  reader.discardUnknown = discardUnknown
  return typeOf(signal).decode(reader) as unknown as Plain
}

/** A request as the judge writes it: equal bytes mean equal requests. */
export const canonical = (signal: OtlpSignal, bytes: Uint8Array): string => rendered(signal, judged(signal, bytes))

/** The same without the fields that OTLP does not know. */
export const knownOnly = (signal: OtlpSignal, bytes: Uint8Array): string => hexOf(typeOf(signal), judgedKnown(signal, bytes))

export const rendered = (signal: OtlpSignal, { message }: Judged): string => hexOf(typeOf(signal), message)

const hexOf = (type: protobuf.Type, message: Plain): string => Buffer.from(type.encode(message).finish()).toString('hex')

function list(message: Plain, name: string): Plain[] {
  return (message[name] as Plain[] | undefined) ?? []
}

export function itemsOf(signal: OtlpSignal, { entries }: Judged): number {
  const [, scopes, records] = LISTS[signal]
  let items = 0
  for (const entry of entries) {
    for (const scope of list(entry, scopes)) {
      if (signal !== 'metrics') items += list(scope, records).length
      else
        for (const metric of list(scope, records))
          for (const kind of METRIC_KINDS) items += list((metric[kind] as Plain | null) ?? {}, 'dataPoints').length
    }
  }
  return items
}

const METRIC_KINDS = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary']

/** Leaves the records for which `choices` says true, one by one in order; scopes and resources that thereby lose their last record go too. */
export function filtered(signal: OtlpSignal, object: Judged, choices: readonly boolean[]): Judged {
  const [entries, scopes, records] = LISTS[signal]
  let index = 0
  const keepSome = (all: Plain[], keep: (part: Plain) => 'kept' | 'emptied'): 'kept' | 'emptied' => {
    const kept = all.filter((part) => keep(part) === 'kept')
    const emptied = kept.length === 0 && all.length > 0
    all.splice(0, all.length, ...kept)
    return emptied ? 'emptied' : 'kept'
  }
  keepSome(list(object.message, entries), (entry) => {
    let cut = 0
    let left = 0
    const kept = list(entry, scopes).filter((scope) => {
      const before = list(scope, records).length
      const outcome = keepSome(list(scope, records), () => (choices[index++] ? 'kept' : 'emptied'))
      left += list(scope, records).length
      cut += before - list(scope, records).length
      return outcome === 'kept'
    })
    if (kept.length < list(entry, scopes).length) entry[scopes] = kept
    return left === 0 && cut > 0 ? 'emptied' : 'kept'
  })
  return object
}

/** Every record with its surroundings, in order. `fact` writes all three: resource entry, scope entry, record. */
export function flattened(signal: OtlpSignal, { entries }: Judged): { record: Plain; fact: () => string }[] {
  const [, scopes, records] = LISTS[signal]
  const { request } = SHAPES[signal]
  const entryType = judge(request).fieldsArray[0].resolve().resolvedType as protobuf.Type
  const scopeType = entryType.fields[scopes].resolve().resolvedType as protobuf.Type
  const recordType = scopeType.fields[records].resolve().resolvedType as protobuf.Type
  const without = (part: Plain, name: string): Plain => Object.assign(Object.create(null), part, { [name]: [], $unknowns: part.$unknowns })
  return entries.flatMap((entry) =>
    list(entry, scopes).flatMap((scope) =>
      list(scope, records).map((record) => ({
        record,
        fact: () =>
          [hexOf(entryType, without(entry, scopes)), hexOf(scopeType, without(scope, records)), hexOf(recordType, record)].join(' ')
      }))
    )
  )
}
