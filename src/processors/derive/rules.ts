import type { z } from 'zod'
import { choice, flag, group, list, map, number, text } from '../../config/schema.ts'
import { bitOf, NAME_BIT, SPAN_NAME, VALUE_BYTES_MAX } from '../../otlp/attributes/attribute-reader.ts'
import { KeyTable } from '../../otlp/attributes/key-table.ts'
import { scalarText } from '../../otlp/attributes/label-text.ts'
import type { SpanReader } from '../../otlp/attributes/span-reader.ts'
import { equals } from '../../otlp/views.ts'
import { lengthDelimited } from '../../otlp/wire.ts'
import { FORMER_NAMES, SHIPPED_RULES } from './conventions.ts'
import { Bounds } from './explicit-histogram.ts'

const KINDS = ['internal', 'server', 'client', 'producer', 'consumer'] as const
const LABEL_NAME = /^(?!(?:le|quantile)$)[A-Za-z_][A-Za-z0-9_.-]{0,254}$/
const METRIC_NAME = /^[A-Za-z_][A-Za-z0-9_.:/-]{0,254}$/

/** In a rule, what is left empty stays as the shipped rule of that name has it. */
const rule = group(
  {
    enabled: flag({ default: true, doc: 'Whether the rule counts anything.' }),
    kinds: list(choice(KINDS, { default: 'server', doc: 'A kind of span.' }), {
      doc: 'Kinds of span that the rule takes; none given takes all.'
    }),
    present: list(text({ doc: 'An attribute.' }), { doc: 'Attributes of which a span must have at least one.' }),
    equals: map(text({ doc: 'The value of an attribute, as text.' }), {
      doc: 'Attributes, or span.name, that must have exactly this value.'
    }),
    counter: text({ default: '', doc: 'Name of the metric that counts the spans; `none` makes no counter.' }),
    duration: text({ default: '', doc: 'Name of the metric of their durations in seconds; `none` makes no histogram.' }),
    help: text({ default: '', doc: 'What the metrics say.' }),
    labels: map(
      list(text({ doc: 'An attribute, or one of the names above.' }), { doc: 'Sources of the label: the first that a span has.' }),
      {
        doc: 'Labels and their sources: attributes of span or resource, span.name, span.kind, status.code, span.outcome; `[]` drops a shipped label.'
      }
    ),
    buckets: list(number({ default: 1, min: 1e-9, doc: 'Seconds.' }), {
      doc: 'Upper bounds of the duration buckets, in seconds, ascending.'
    })
  },
  { doc: 'Which spans are counted under which names.' }
)

export type RuleOptions = z.output<typeof rule>

/** The `rules` option: shipped rules changed or switched off by name, and rules of one's own. */
export const rulesOption = map(rule, {
  doc: `Rules by name. Shipped: ${Object.keys(SHIPPED_RULES).join(', ')}; naming one of them changes it, any other name adds a rule.`
}).superRefine((rules, context) => {
  for (const [name, given] of Object.entries(rules)) {
    for (const problem of problemsOf(merge(given, own(SHIPPED_RULES, name)), own(SHIPPED_RULES, name) !== undefined)) {
      context.addIssue({ code: 'custom', path: [name, ...problem.path], message: problem.message })
    }
  }
  const owners = new Map<string, string>()
  for (const [name, { counter, duration }] of mergeAll(rules)) {
    for (const [key, metric] of Object.entries({ counter, duration })) {
      const owner = owners.get(metric)
      if (metric === 'none') continue
      if (owner === undefined) owners.set(metric, name)
      else
        context.addIssue({
          code: 'custom',
          path: [name in rules ? name : owner, key],
          message: `expected a name that rule ${owner} does not use`
        })
    }
  }
})

/** Labels that say what a span is and not what it carries; each costs a few bits of a series' key. */
const KIND_BITS = 0b000111
const STATUS_BITS = 0b011000
const OUTCOME_BIT = 0b100000
const FACTS = new Map([
  ['span.kind', KIND_BITS],
  ['status.code', STATUS_BITS],
  ['span.outcome', OUTCOME_BIT]
])
const KIND_TEXTS = KINDS.map((kind) => `SPAN_KIND_${kind.toUpperCase()}`)
const STATUS_TEXTS = ['STATUS_CODE_UNSET', 'STATUS_CODE_OK', 'STATUS_CODE_ERROR']

export interface Label {
  readonly name: string
  /** The bits of `factsOf` that the label shows, or 0 for one that is read from `sources`. */
  readonly fact: number
  readonly sources: Int32Array
  /** Where the reader has none of these bits, no source is there. */
  readonly bits: number
}

interface Condition {
  readonly sources: Int32Array
  readonly text: string
  readonly plain: Uint8Array
  /** The text as an AnyValue { string_value = 1 }, as encoders write it. */
  readonly form: Uint8Array
}

/** A rule made ready for the wire: attributes are numbers of a KeyTable. */
export interface Rule {
  readonly name: string
  readonly counter: string | null
  readonly duration: string | null
  readonly help: string
  readonly bounds: Bounds
  readonly labels: readonly Label[]
  /** The bits of `factsOf` that tell series of this rule apart. */
  readonly facts: number
  readonly kinds: number
  readonly present: Int32Array
  readonly presentBits: number
  readonly equals: readonly Condition[]
}

/** The enabled rules, shipped and given, and the attributes they look at. `dimensions` become labels of the rule for all spans. */
export function compileRules(
  given: Readonly<Record<string, RuleOptions>>,
  dimensions: readonly string[]
): { rules: Rule[]; keys: KeyTable } {
  const enabled = mergeAll(given)
  for (const [name, { labels }] of enabled) if (name === 'spans') for (const dimension of dimensions) labels[dimension] ??= [dimension]
  const asked = enabled.flatMap(([, { present, equals, labels }]) => [...present, ...Object.keys(equals), ...Object.values(labels).flat()])
  const keys = new KeyTable(asked.flatMap(namesOf).filter((key) => key !== 'span.name' && !FACTS.has(key)))
  return { rules: enabled.map(([name, options]) => compile(name, options, keys)), keys }
}

/** Whether a rule takes the span that was read last. */
export function takes(rule: Rule, reader: SpanReader): boolean {
  if (((rule.kinds >> reader.kind) & 1) === 0) return false
  if (rule.present.length > 0 && ((rule.presentBits & reader.bits) === 0 || reader.resolve(rule.present) < 0)) return false
  const { equals } = rule
  for (let i = 0; i < equals.length; i++) if (!holds(equals[i], reader)) return false
  return true
}

/** Kind, status and outcome of the span that was read last, as bits. */
export function factsOf(reader: SpanReader): number {
  return reader.kind | (reader.status << 3) | (reader.status === 2 ? OUTCOME_BIT : 0)
}

/** What a label that shows a fact says. */
export function factText(label: Label, facts: number): string {
  if (label.fact === KIND_BITS) return KIND_TEXTS[(facts & KIND_BITS) - 1]
  if (label.fact === STATUS_BITS) return STATUS_TEXTS[(facts & STATUS_BITS) >> 3]
  return (facts & OUTCOME_BIT) === 0 ? 'ok' : 'error'
}

function mergeAll(given: Readonly<Record<string, RuleOptions>>): [string, RuleOptions][] {
  const names = new Set([...Object.keys(SHIPPED_RULES), ...Object.keys(given)])
  const all = Array.from(names, (name): [string, RuleOptions] => [name, merge(own(given, name), own(SHIPPED_RULES, name))])
  return all.filter(([, options]) => options.enabled)
}

function merge(given: RuleOptions | undefined, shipped: Partial<RuleOptions> | undefined): RuleOptions {
  const either = <T extends string | readonly unknown[]>(mine: T | undefined, theirs: T | undefined, none: T): T =>
    mine !== undefined && mine.length > 0 ? mine : (theirs ?? none)
  return {
    enabled: given?.enabled ?? true,
    kinds: either(given?.kinds, shipped?.kinds, []),
    present: either(given?.present, shipped?.present, []),
    equals: { ...shipped?.equals, ...given?.equals },
    counter: either(given?.counter, shipped?.counter, 'none'),
    duration: either(given?.duration, shipped?.duration, 'none'),
    help: either(given?.help, shipped?.help, ''),
    labels: Object.fromEntries(Object.entries({ ...shipped?.labels, ...given?.labels }).filter(([, sources]) => sources.length > 0)),
    buckets: either(given?.buckets, shipped?.buckets, SHIPPED_RULES.spans.buckets!)
  }
}

interface Problem {
  readonly path: readonly string[]
  readonly message: string
}

function problemsOf(options: RuleOptions, isShipped: boolean): Problem[] {
  const problems: Problem[] = []
  if (options.counter === 'none' && options.duration === 'none') {
    const shipped = isShipped ? '' : `; the shipped rules are ${Object.keys(SHIPPED_RULES).join(', ')}`
    if (options.enabled) problems.push({ path: [], message: `expected a name under counter or duration${shipped}` })
    else if (!isShipped) problems.push({ path: [], message: `expected a rule that exists${shipped}` })
  }
  for (const key of ['counter', 'duration'] as const) {
    if (!METRIC_NAME.test(options[key]))
      problems.push({ path: [key], message: 'expected a metric name: a letter, then letters, digits and any of _ . : / -' })
  }
  for (const [label, sources] of Object.entries(options.labels)) {
    const path = ['labels', label]
    if (!LABEL_NAME.test(label))
      problems.push({ path, message: 'expected a label name: letters, digits and any of _ . -, and not le, quantile' })
    if (sources.length > 1 && sources.some((source) => FACTS.has(source))) {
      problems.push({ path, message: `expected ${[...FACTS.keys()].join(', ')} to be the only source of a label` })
    }
  }
  for (let i = 1; i < options.buckets.length; i++) {
    if (options.buckets[i] <= options.buckets[i - 1]) problems.push({ path: ['buckets'], message: 'expected ascending bounds' })
  }
  return problems
}

function compile(name: string, options: RuleOptions, keys: KeyTable): Rule {
  const sourcesOf = (names: readonly string[]): Int32Array =>
    Int32Array.from(names.filter((name) => name !== '' && !FACTS.has(name)).flatMap(namesOf), (name) =>
      name === 'span.name' ? SPAN_NAME : keys.numberOf(name)
    )
  const labels = Object.entries(options.labels).map(
    ([label, sources]): Label => ({
      name: label,
      fact: FACTS.get(sources[0]) ?? 0,
      sources: sourcesOf(sources),
      bits: bitsOf(sourcesOf(sources))
    })
  )
  return {
    name,
    counter: options.counter === 'none' ? null : options.counter,
    duration: options.duration === 'none' ? null : options.duration,
    help: options.help,
    bounds: new Bounds(options.buckets),
    labels,
    facts: labels.reduce((facts, label) => facts | label.fact, 0),
    kinds: options.kinds.length === 0 ? -1 : options.kinds.reduce((kinds, kind) => kinds | (1 << (KINDS.indexOf(kind) + 1)), 0),
    present: sourcesOf(options.present),
    presentBits: bitsOf(sourcesOf(options.present)),
    equals: Object.entries(options.equals).map(([key, text]) => ({
      sources: sourcesOf([key]),
      text,
      plain: Buffer.from(text),
      form: lengthDelimited(1, Buffer.from(text))
    }))
  }
}

function bitsOf(sources: Int32Array): number {
  return sources.reduce((bits, source) => bits | (source === SPAN_NAME ? NAME_BIT : bitOf(source)), 0)
}

function namesOf(name: string): readonly string[] {
  return [name, ...(own(FORMER_NAMES, name) ?? [])]
}

function holds({ sources, text, plain, form }: Condition, reader: SpanReader): boolean {
  const index = reader.resolve(sources)
  if (index < 0) return false
  const { bytes, nameIndex } = reader
  const [start, end] = [reader.valueStarts[index], reader.valueEnds[index]]
  if (index === nameIndex) return equals(bytes, start, end, plain)
  if (equals(bytes, start, end, form)) return true
  // Most values are strings in their shortest form, and are then told apart without decoding.
  if (bytes[start] === form[0] && bytes[start + 1] === end - start - 2) return false
  return scalarText(bytes, start, end, VALUE_BYTES_MAX) === text
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined
}
