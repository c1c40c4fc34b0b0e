// A message and its parameters, sent apart: "retrying with token=%s" and "abc". Nothing tells that the parameter alone is a secret, but the message does.
import type { JsonObject } from '../../sentry/envelope.ts'
import { isObject } from './payload.ts'

const PREFIX = 'sentry.message.parameter.'
const HIDDEN = '[redacted:parameter]'
/** Shorter ones are found in any text. */
const CHARACTERS_MIN = 3
const PLACEHOLDER = /%\((\w{1,64})\)[a-z]|%[a-z]|\{(\w{0,64})\}/g

type Editable = Record<string, unknown>

/** Hides the parameters of messages that `redact` takes out of the whole message. True when there were any. */
export function hideParameters(type: string, content: JsonObject, redact: (text: string) => string): boolean {
  if (type === 'event' || type === 'transaction') return hideInEvent(content, redact)
  if (type !== 'log' || !Array.isArray(content.items)) return false
  let hasHidden = false
  for (const log of content.items as unknown[]) if (isObject(log) && hideInLog(log, redact)) hasHidden = true
  return hasHidden
}

// { body, attributes: { "sentry.message.parameter.0": { value } } }
function hideInLog({ body, attributes }: JsonObject, redact: (text: string) => string): boolean {
  if (typeof body !== 'string' || !isObject(attributes)) return false
  const parameters = Object.keys(attributes).flatMap((key): Editable[] => {
    const attribute = attributes[key]
    return key.startsWith(PREFIX) && isObject(attribute) ? [attribute as Editable] : []
  })
  if (parameters.length === 0) return false
  const left = redact(body)
  let hasHidden = false
  for (const parameter of left === body ? [] : parameters) {
    if (!isTakenOut(parameter.value, body, left)) continue
    parameter.value = HIDDEN
    parameter.type = 'string'
    hasHidden = true
  }
  return hasHidden
}

// { logentry: { message, formatted, params: [] or {} } }
function hideInEvent({ logentry }: JsonObject, redact: (text: string) => string): boolean {
  const { message, formatted, params } = isObject(logentry) ? logentry : {}
  if (typeof params !== 'object' || params === null) return false
  const held = params as Editable
  const whole = typeof formatted === 'string' ? formatted : typeof message === 'string' ? rendered(message, held) : ''
  const left = redact(whole)
  let hasHidden = false
  for (const key of left === whole ? [] : Object.keys(held)) {
    if (!isTakenOut(held[key], whole, left)) continue
    held[key] = HIDDEN
    hasHidden = true
  }
  return hasHidden
}

function rendered(template: string, parameters: Editable): string {
  let next = 0
  return template.replace(PLACEHOLDER, (_all, first?: string, second?: string) => textOf(parameters[first || second || String(next++)]))
}

function isTakenOut(parameter: unknown, whole: string, left: string): boolean {
  const text = textOf(parameter)
  return text.length >= CHARACTERS_MIN && whole.includes(text) && !left.includes(text)
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined || typeof value === 'object' ? '' : String(value)
}
