// The kinds of value a configuration file may hold. Each option is made by one of these functions, and from it come parsing, default, static
// type, error message, reference page and JSON Schema.
import * as z from 'zod'
import { parseAddress, parseDuration, parseRatio, parseSize } from './units.ts'

export type { Address } from './units.ts'

/** Options by key. */
export type Shape = Readonly<Record<string, z.core.$ZodType>>

/** What a kind tells about itself: enough for messages, the reference page and the JSON Schema. */
export interface Kind {
  readonly name: KindName
  /** What may stand here, in words that follow "expected". */
  readonly expected: string
  readonly doc: string
  /** As one would write it in the file. Undefined: no default. */
  readonly preset?: unknown
  readonly secret?: boolean
  readonly choices?: readonly string[]
  readonly min?: number
  readonly max?: number
  /** What every text that may stand here looks like, for editors; parsing decides. */
  readonly pattern?: string
  /** Of lists and maps: what they hold. */
  readonly item?: z.core.$ZodType
  /** Of groups: the options inside. */
  readonly shape?: Shape
  /** Of lists: a single item may stand for a list of one. */
  readonly single?: boolean
  /** Of addresses: what is listened for there. A port can be open once for each. Default: connections. */
  readonly listens?: Listens
}

export type Listens = 'connections' | 'datagrams' | 'both'

export type KindName =
  | 'text'
  | 'flag'
  | 'integer'
  | 'number'
  | 'choice'
  | 'ratio'
  | 'size'
  | 'duration'
  | 'address'
  | 'url'
  | 'secret'
  | 'list'
  | 'map'
  | 'group'
  | 'any'

/** The kind of every type that was made here. */
export const kinds = new WeakMap<z.core.$ZodType, Kind>()

interface Doc {
  /** One sentence for the reference page. */
  readonly doc: string
}
interface WithDefault<T> extends Doc {
  readonly default: T
}
interface Range<T> {
  readonly min?: T
  readonly max?: T
}

/** A text. Without a default it must be given, unless it is wrapped in `maybe`. */
export function text(_: WithDefault<string>): z.ZodDefault<z.ZodString>
export function text(_: Doc): z.ZodString
export function text({ doc, default: preset }: Doc & { default?: string }): z.ZodString | z.ZodDefault<z.ZodString> {
  const kind: Kind = { name: 'text', expected: 'a text', doc }
  return preset === undefined ? described(z.string(), kind) : described(z.string().default(preset), { ...kind, preset })
}

export const flag = ({ doc, default: preset }: WithDefault<boolean>) =>
  described(z.boolean().default(preset), { name: 'flag', expected: 'true or false', doc, preset })

const INTEGER_MAX = 2 ** 31 - 1

/** A whole number; timers and counts end at 2^31 - 1 unless told otherwise. */
export const integer = ({ doc, default: preset, min = 0, max = INTEGER_MAX }: WithDefault<number> & Range<number>) =>
  described(z.int().min(min).max(max).default(preset), {
    name: 'integer',
    expected: `a whole number ${max === INTEGER_MAX ? `of at least ${min}` : `from ${min} to ${max}`}`,
    doc,
    preset,
    min,
    max
  })

/** A number with or without a fraction, never infinite. */
export const number = ({ doc, default: preset, min, max }: WithDefault<number> & Range<number>) =>
  described(
    z
      .number()
      .min(min ?? -Number.MAX_VALUE)
      .max(max ?? Number.MAX_VALUE)
      .default(preset),
    {
      name: 'number',
      expected: `a number${min === undefined ? '' : ` from ${min}`}${max === undefined ? '' : ` up to ${max}`}`,
      doc,
      preset,
      ...(min === undefined ? {} : { min }),
      ...(max === undefined ? {} : { max })
    }
  )

export const choice = <const T extends readonly [string, ...string[]]>(values: T, { doc, default: preset }: WithDefault<T[number]>) =>
  described(z.enum(values).default(preset as never), { name: 'choice', expected: inWords(values), doc, preset, choices: values })

/** A share: `10%` or `0.1`. Parsed to a number from 0 to 1. */
export const ratio = ({ doc, default: preset }: WithDefault<string>) =>
  parsed(parseRatio, { name: 'ratio', expected: 'a share from 0% to 100%, as 10% or 0.1', doc, preset, pattern: '^\\d+(\\.\\d+)?\\s*%?$' })

/** A number of bytes: `64KiB`, `20 MiB`, `1000`. Parsed to bytes. */
export const size = ({ doc, default: preset, min = '0', max = '1PiB' }: WithDefault<string> & Range<string>) =>
  parsed(within(parseSize, min, max), {
    name: 'size',
    expected: `a size${rangeInWords(min, max, '0', '1PiB')}, as 64KiB or 20MiB`,
    doc,
    preset,
    pattern: '^\\d+(\\.\\d+)?\\s*[kKmMgGtTpP]?[iI]?[bB]?$'
  })

/** A length of time: `250ms`, `15s`, `5m`, `24h`. Parsed to milliseconds; at most 24 days, which is what a timer can wait, unless told otherwise. */
export const duration = ({ doc, default: preset, min = '0s', max = '24d' }: WithDefault<string> & Range<string>) =>
  parsed(within(parseDuration, min, max), {
    name: 'duration',
    expected: `a length of time with its unit${rangeInWords(min, max, '0s', '24d')}, as 250ms, 15s, 5m or 24h`,
    doc,
    preset,
    pattern: '^\\d+(\\.\\d+)?\\s*(ms|s|m|h|d)$'
  })

const ADDRESS = {
  name: 'address',
  expected: 'host:port as 127.0.0.1:4318, [::1]:4318 or :4318, or unix:/path, or off',
  pattern: '^(off|unix:.+|.*:\\d{1,5})$'
} as const

/** Where to listen: `127.0.0.1:4318`, `[::1]:4318`, `:4318` (every interface) or `unix:/run/sluice.sock`; `off` does not listen. */
export const address = ({ doc, default: preset }: WithDefault<string>) => parsed(parseAddress, { ...ADDRESS, doc, preset })

/** Where to listen, one address or several; those that are `off` are left out. */
export const addresses = ({ doc, default: preset, listens = 'connections' }: WithDefault<string | string[]> & { listens?: Listens }) => {
  const item = address({ doc, default: 'off' })
  const many = z
    .preprocess((input) => (Array.isArray(input) ? input : [input]), z.array(item))
    .transform((all) => all.filter((one) => one !== null))
    .prefault(preset as never)
  return described(many, { name: 'list', expected: `${ADDRESS.expected}; or a list of these`, doc, preset, item, single: true, listens })
}

/** An http or https URL. */
export const url = ({ doc }: Doc) =>
  described(z.string().refine(isHttpUrl), { name: 'url', expected: 'an http:// or https:// URL with a host', doc, pattern: '^https?://.+' })

/** A value that no command prints and no log shows. */
export const secret = ({ doc }: Doc) => described(z.string().min(1), { name: 'secret', expected: 'a text', doc, secret: true })

export const list = <T extends z.ZodType>(item: T, { doc, default: preset = [] }: Doc & { default?: z.input<T>[] }) =>
  described(z.array(item).prefault(preset as never), { name: 'list', expected: 'a list', doc, preset, item })

/** Free keys, one kind of value. */
export const map = <T extends z.ZodType>(item: T, { doc, default: preset = {} }: Doc & { default?: Record<string, z.input<T>> }) =>
  described(z.record(z.string(), item).prefault(preset as never), {
    name: 'map',
    expected: 'a mapping of keys to values',
    doc,
    preset,
    item
  })

/** Options inside an option. Unknown keys are errors. */
export const group = <S extends z.core.$ZodLooseShape>(shape: S, { doc }: Doc) =>
  described(z.strictObject(shape).prefault({} as never), { name: 'group', expected: 'a mapping of options', doc, shape })

/** An option that may be left out and then has no value. */
export const maybe = <T extends z.ZodType>(type: T) => type.optional()

function described<T extends z.ZodType>(type: T, kind: Kind): T {
  kinds.set(type, kind)
  return type
}

function parsed<T>(parse: (input: string) => T | Error, kind: Kind & { preset: string }) {
  const type = z
    .union([z.string(), z.number()])
    .transform((input, context): T => {
      const value = parse(String(input).trim())
      if (!(value instanceof Error)) return value
      context.addIssue({ code: 'custom', message: '', params: { reason: value.message } })
      return z.NEVER
    })
    .prefault(kind.preset)
  return described(type, kind)
}

// The bounds are written by us, as an option's author would write them in the file.
function within(parse: (input: string) => number | Error, min: string, max: string): (input: string) => number | Error {
  const [least, most] = [Number(parse(min)), Number(parse(max))]
  return (input) => {
    const value = parse(input)
    return value instanceof Error || (value >= least && value <= most) ? value : new Error('is out of range')
  }
}

function rangeInWords(min: string, max: string, leastOfAll: string, mostOfAll: string): string {
  if (max !== mostOfAll) return ` from ${min} to ${max}`
  return min === leastOfAll ? '' : ` of at least ${min}`
}

function inWords(values: readonly string[]): string {
  return values.length < 2 ? `${values[0]}` : `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`
}

function isHttpUrl(input: string): boolean {
  return /^https?:\/\/[^/]/i.test(input) && URL.canParse(input)
}
