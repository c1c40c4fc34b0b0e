// The kinds of value a configuration file may hold. Each option is made by one of these functions, and from it come parsing, default, static
// type, error message, reference page and JSON Schema.
import { z } from 'zod'

interface Doc {
  /** One sentence for the reference page. */
  readonly doc: string
}
interface WithDefault<T> extends Doc {
  readonly default: T
}

/** Marks a value that is never printed. */
export const secrets = new WeakSet<z.ZodType>()

export const text = ({ doc, default: preset }: WithDefault<string>) => z.string().default(preset).describe(doc)

export const flag = ({ doc, default: preset }: WithDefault<boolean>) => z.boolean().default(preset).describe(doc)

export const integer = ({ doc, default: preset, min = 0, max = 2 ** 31 - 1 }: WithDefault<number> & { min?: number; max?: number }) =>
  z.int().min(min).max(max).default(preset).describe(doc)

export const choice = <const T extends readonly [string, ...string[]]>(values: T, { doc, default: preset }: WithDefault<T[number]>) =>
  z.enum(values).default(preset as never).describe(doc)

/** A share: `10%` or `0.1`. Parsed to a number from 0 to 1. */
export const ratio = ({ doc, default: preset }: WithDefault<string>) => parsed(parseRatio, preset, doc)

/** A number of bytes: `64KiB`, `20 MiB`, `1000`. Parsed to bytes. */
export const size = ({ doc, default: preset }: WithDefault<string>) => parsed(parseSize, preset, doc)

/** A length of time: `250ms`, `15s`, `5m`, `24h`. Parsed to milliseconds. */
export const duration = ({ doc, default: preset }: WithDefault<string>) => parsed(parseDuration, preset, doc)

/** Where to listen: `127.0.0.1:4318`, `[::1]:4318`, `:4318` (every interface) or `unix:/run/sluice.sock`; `off` does not listen. */
export const address = ({ doc, default: preset }: WithDefault<string>) => parsed(parseAddress, preset, doc)

/** An http or https URL. */
export const url = ({ doc }: Doc) => z.url({ protocol: /^https?$/, error: 'expected an http:// or https:// URL' }).describe(doc)

/** A value that no command prints and no log shows. */
export const secret = ({ doc }: Doc) => {
  const type = z.string().describe(doc)
  secrets.add(type)
  return type
}

export const list = <T extends z.ZodType>(item: T, { doc, default: preset = [] }: Doc & { default?: z.input<T>[] }) =>
  z
    .array(item)
    .prefault(preset as never)
    .describe(doc)

/** Free keys, one kind of value. */
export const map = <T extends z.ZodType>(item: T, { doc, default: preset = {} }: Doc & { default?: Record<string, z.input<T>> }) =>
  z
    .record(z.string(), item)
    .prefault(preset as never)
    .describe(doc)

/** Options inside an option. Unknown keys are errors. */
export const group = <S extends z.core.$ZodLooseShape>(shape: S, { doc }: Doc) =>
  z
    .strictObject(shape)
    .prefault({} as never)
    .describe(doc)

/** An option that may be left out and then has no value. */
export const maybe = <T extends z.ZodType>(type: T) => type.optional()

function parsed<T>(parse: (input: string) => T | Error, preset: string, doc: string) {
  return z
    .union([z.string(), z.number()])
    .transform((input, context): T => {
      const value = parse(String(input).trim())
      if (!(value instanceof Error)) return value
      context.addIssue({ code: 'custom', message: value.message })
      return z.NEVER
    })
    .prefault(preset)
    .describe(doc)
}

function parseRatio(input: string): number | Error {
  const [, digits, percent] = /^(\d+(?:\.\d+)?)(\s*%)?$/.exec(input) ?? []
  const value = Number(digits) / (percent === undefined ? 1 : 100)
  return value >= 0 && value <= 1 ? value : new Error('expected a share from 0% to 100%, as 10% or 0.1')
}

const SIZES: Record<string, number> = { '': 1, B: 1, KB: 1e3, MB: 1e6, GB: 1e9, KIB: 2 ** 10, MIB: 2 ** 20, GIB: 2 ** 30, TIB: 2 ** 40 }

function parseSize(input: string): number | Error {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)\s*([KMGT]?i?B?)$/i.exec(input) ?? []
  const factor = SIZES[(unit ?? '?').toUpperCase()]
  return factor === undefined ? new Error('expected a size, as 64KiB or 20MiB') : Math.round(Number(digits) * factor)
}

const TIMES: Record<string, number> = { ms: 1, s: 1e3, m: 60e3, h: 3600e3, d: 86400e3 }

function parseDuration(input: string): number | Error {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(input) ?? []
  return unit === undefined ? new Error('expected a length of time with its unit, as 250ms, 15s, 5m or 24h') : Math.round(Number(digits) * TIMES[unit])
}

/** Where to listen, or null for nowhere. */
export type Address = { readonly host: string; readonly port: number } | { readonly path: string } | null

function parseAddress(input: string): Address | Error {
  if (input === 'off') return null
  if (input.startsWith('unix:') && input.length > 5) return { path: input.slice(5) }
  const [, host, digits] = /^(\[[0-9a-fA-F:.]+\]|[^:\s]*):(\d{1,5})$/.exec(input) ?? []
  const port = Number(digits)
  if (host === undefined || port > 65535) return new Error('expected host:port, unix:/path or off')
  return { host: host.replace(/^\[|\]$/g, '') || '::', port }
}
