import { FACTS } from './facts.ts'
import { normalMessage, normalName } from './normalise.ts'
import { Pattern } from './pattern.ts'
import { crashSite, shortType } from './sighting.ts'

/** A rule as it is written. */
export interface RuleText {
  readonly name: string
  /** All of them must hold. */
  readonly when: readonly ConditionText[]
  /** Texts, in which `{name}` stands for a field and `{one|two}` for the first that there is; `=` in front keeps a short code as it is. */
  readonly fingerprint: readonly string[]
}

export interface ConditionText {
  /** The name of a field, or several with `|`: the first that there is. */
  readonly field: string
  /** Patterns of which one must match the whole field. */
  readonly matches: readonly string[]
}

export interface Group {
  readonly rule: string
  /** The texts with which the rule's fingerprints begin, or the rule's name: as many as there are rules, whatever errors say. */
  readonly kind: string
  readonly fingerprint: readonly string[]
}

/** What is asked of an error in order to find its group. */
export interface Subject {
  readonly service: string
  readonly origin: string
  readonly type: string
  readonly message: string
  readonly stacktrace: string
  readonly spanKind: string
  readonly spanName: string
  /** The value of an attribute of the record or its resource, by its number among `Grouping.attributes`. */
  attribute(number: number): string | undefined
}

interface Condition {
  readonly fields: readonly Field[]
  readonly patterns: readonly Pattern[]
}

type Part = string | readonly { readonly field: Field; readonly isCode: boolean }[]

interface Rule {
  readonly name: string
  readonly kind: string
  readonly when: readonly Condition[]
  readonly parts: readonly Part[]
}

type Field = (reading: Reading) => string | undefined

const VARIABLE = /^\{([^{}]{1,400})\}$/
const CODE = /^[A-Za-z0-9_.-]{1,16}$/

/** Finds the group of an error: what makes it one issue with others, whatever ids and numbers they have. The first rule that fits counts. */
export class Grouping {
  /** Names of the attributes that rules ask for. */
  readonly attributes: readonly string[]
  private readonly rules: readonly Rule[]

  constructor(rules: readonly RuleText[]) {
    const attributes: string[] = []
    const fieldOf = (name: string): Field => {
      const known = KNOWN[name]
      if (known !== undefined) return known
      const tell = FACTS[name]
      if (tell !== undefined) return (reading) => reading.fact(name, tell)
      if (!attributes.includes(name)) attributes.push(name)
      const number = attributes.indexOf(name)
      return ({ subject }) => subject.attribute(number)
    }
    this.rules = rules.map(({ name, when, fingerprint }) => ({
      name,
      kind: kindOf(name, fingerprint),
      when: when.map(({ field, matches }) => ({
        fields: field.split('|').map(fieldOf),
        patterns: matches.map((pattern) => new Pattern(pattern))
      })),
      parts: fingerprint.map((part): Part => {
        const [, variable] = VARIABLE.exec(part) ?? []
        if (variable === undefined) return part
        return variable.split('|').map((name) => ({ field: fieldOf(name.replace(/^=/, '')), isCode: name.startsWith('=') }))
      })
    }))
    this.attributes = attributes
  }

  /** The kinds of all groups that there can be. */
  get kinds(): string[] {
    return this.rules.map(({ kind }) => kind)
  }

  groupOf(subject: Subject): Group | null {
    const reading = new Reading(subject)
    for (const { name, kind, when, parts } of this.rules) {
      if (when.every((condition) => holds(condition, reading))) return { rule: name, kind, fingerprint: fingerprintOf(parts, reading) }
    }
    return null
  }
}

function kindOf(rule: string, fingerprint: readonly string[]): string {
  const variable = fingerprint.findIndex((part) => VARIABLE.test(part))
  const texts = variable === -1 ? fingerprint : fingerprint.slice(0, variable)
  return texts.length === 0 ? rule : texts.join('/')
}

/** What errors without a group have in common, for limits. */
export function likenessOf({ service, type, message, stacktrace }: Subject): string {
  const said = message === '' ? normalMessage(crashSite(stacktrace)) : normalMessage(message)
  return `${service}\n${normalName(shortType(type))}\n${said}`
}

const TEXT_HEAD_MAX = 768
const TEXT_TAIL_MAX = 256
const STACK_CHARACTERS_MAX = 8192

/** The fields of one error, each made when it is first asked for. */
class Reading {
  readonly subject: Subject
  private readonly facts = new Map<string, string | undefined>()
  private whole: string | undefined
  private small: string | undefined

  constructor(subject: Subject) {
    this.subject = subject
  }

  /** Type and message, or stack trace where there is no message: the first and the last of it. */
  get text(): string {
    if (this.whole !== undefined) return this.whole
    const { type, message, stacktrace } = this.subject
    const said = message === '' ? stacktrace : message
    const short = said.length <= TEXT_HEAD_MAX + TEXT_TAIL_MAX ? said : `${said.slice(0, TEXT_HEAD_MAX)}\n${said.slice(-TEXT_TAIL_MAX)}`
    this.whole = type === '' ? short : `${type}: ${short}`
    return this.whole
  }

  /** In small letters. */
  get smallText(): string {
    this.small ??= this.text.toLowerCase()
    return this.small
  }

  fact(name: string, tell: (text: string) => string | undefined): string | undefined {
    if (!this.facts.has(name)) this.facts.set(name, tell(this.text))
    return this.facts.get(name)
  }
}

const KNOWN: Readonly<Record<string, Field>> = {
  text: ({ smallText }) => smallText,
  type: ({ subject }) => subject.type,
  message: ({ subject }) => subject.message,
  stack: ({ subject }) => subject.stacktrace.slice(0, STACK_CHARACTERS_MAX),
  service: ({ subject }) => subject.service,
  origin: ({ subject }) => subject.origin,
  'span.name': ({ subject }) => subject.spanName,
  'span.kind': ({ subject }) => subject.spanKind
}

function holds({ fields, patterns }: Condition, reading: Reading): boolean {
  for (const field of fields) {
    const value = field(reading)
    if (value === undefined || value === '') continue
    const small = field === KNOWN.text ? value : value.toLowerCase()
    return patterns.some((pattern) => pattern.matches(small))
  }
  return false
}

function fingerprintOf(parts: readonly Part[], reading: Reading): string[] {
  const fingerprint: string[] = []
  for (const part of parts) {
    const text = typeof part === 'string' ? part : partText(part, reading)
    if (text !== '') fingerprint.push(text)
  }
  return fingerprint
}

function partText(part: Exclude<Part, string>, reading: Reading): string {
  for (const { field, isCode } of part) {
    const value = field(reading)
    if (value === undefined || value === '') continue
    if (isCode && CODE.test(value)) return value
    return field === KNOWN.text || field === KNOWN.message ? normalMessage(value) : normalName(value)
  }
  return ''
}
