import { strictEqual } from 'node:assert/strict'
import { Engine } from '../../src/processors/redact/engine.ts'

const engine = new Engine({ keys: [], patterns: [], allow: [], counted: () => undefined, exceeded: () => undefined })

/** The text as the built-in rules leave it. */
export function redactText(text: string): string {
  const bytes = Buffer.from(text)
  return Buffer.from(engine.redact(bytes, 0, bytes.length) ?? bytes).toString()
}

/** Holds that `value` goes from the place that `#` marks, under the name of `rule`, in a text, in JSON and in JSON in JSON; and that it is done then. */
export function goes(template: string, value: string, rule: string): void {
  const [text, expected] = [template.replaceAll('#', value), template.replaceAll('#', `[redacted:${rule}]`)]
  const json = (message: string): string => JSON.stringify({ message, n: 1 })
  strictEqual(redactText(text), expected)
  strictEqual(redactText(json(text)), json(expected))
  strictEqual(redactText(json(json(text))), json(json(expected)))
  strictEqual(redactText(expected), expected)
}

/** Holds that a text is left alone, also in JSON. */
export function stays(...texts: string[]): void {
  for (const text of texts) for (const form of [text, JSON.stringify({ message: text })]) strictEqual(redactText(form), form)
}
