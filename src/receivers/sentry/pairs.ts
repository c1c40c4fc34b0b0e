// Lists of pairs, which an event may have in the place of objects: [["Authorization", "Basic …"]]. What a key says of the value beside it is seen
// in an object alone.
import { type JsonObject, objectOf } from '../../sentry/envelope.ts'
import { isObject } from './payload.ts'

const OF_REQUEST = ['headers', 'cookies', 'query_string', 'env', 'data']

/** Redacts the values in lists of pairs of an event. True when there were any to be hidden. */
export function hideInPairs(event: JsonObject, redact: (text: string) => string): boolean {
  const { tags, extra, request } = event
  const lists = [['tags', tags], ['extra', extra], ...(isObject(request) ? OF_REQUEST.map((key) => [key, request[key]]) : [])]
  let hasHidden = false
  for (const [name, list] of lists)
    if (Array.isArray(list)) for (const pair of list) if (hideIn(name as string, pair, redact)) hasHidden = true
  return hasHidden
}

function hideIn(name: string, pair: unknown, redact: (text: string) => string): boolean {
  if (!Array.isArray(pair) || pair.length !== 2 || typeof pair[0] !== 'string' || typeof pair[1] !== 'string') return false
  const text = JSON.stringify({ [name]: { [pair[0]]: pair[1] } })
  const left = redact(text)
  if (left === text) return false
  // What is hidden of a whole list is so of a pair.
  const [held] = Object.values(objectOf(left) ?? {})
  const [entry] = isObject(held) ? Object.entries(held) : []
  pair[0] = entry?.[0] ?? HIDDEN
  pair[1] = entry?.[1] ?? HIDDEN
  return true
}

const HIDDEN = '[redacted]'
