import type { AnyValue } from '../../otlp/objects.ts'
import { compact, fitted } from './contexts.ts'
import { BREADCRUMBS_MAX, cut, type Trimmed } from './limits.ts'
import { secondsOf } from './time.ts'
import { attributesOf, type Json, type JsonMap, jsonOf, textOf } from './values.ts'

const MESSAGE_CHARACTERS_MAX = 1024
const WORD_CHARACTERS_MAX = 128
const DATA_BYTES_MAX = 4096
const LEVELS: ReadonlySet<string> = new Set(['fatal', 'error', 'warning', 'info', 'debug'])

/** The trail that led to an error, the oldest first. What has no time of its own happened when the one before it did. */
export function breadcrumbsOf(value: AnyValue | undefined, errorMs: number, trimmed: Trimmed): JsonMap[] {
  const all = value?.arrayValue?.values ?? []
  if (all.length > BREADCRUMBS_MAX) trimmed.add('breadcrumbs', all.length - BREADCRUMBS_MAX)
  const crumbs: { seconds: number; crumb: JsonMap }[] = []
  for (const each of all.slice(-BREADCRUMBS_MAX)) {
    const parts = attributesOf(each.kvlistValue?.values)
    const seconds = secondsOf(parts.get('timestamp')?.intValue, undefined, (crumbs.at(-1)?.seconds ?? errorMs / 1000) * 1000)
    const text = (key: string, charactersMax: number): string | undefined => {
      const found = textOf(parts.get(key))
      return found === undefined ? undefined : cut(found, charactersMax)
    }
    const level = text('level', WORD_CHARACTERS_MAX) ?? 'info'
    const crumb = compact({
      timestamp: seconds,
      type: text('type', WORD_CHARACTERS_MAX),
      category: text('category', WORD_CHARACTERS_MAX),
      level: LEVELS.has(level) ? level : level === 'warn' ? 'warning' : 'info',
      message: text('message', MESSAGE_CHARACTERS_MAX)
    })
    const data = parts.get('data')
    const json = data === undefined ? undefined : jsonOf(data)
    if (isMap(json) && Object.keys(json).length > 0) crumb.data = fitted(json, 'breadcrumbs', trimmed, DATA_BYTES_MAX)
    crumbs.push({ seconds, crumb })
  }
  return crumbs.sort((a, b) => a.seconds - b.seconds).map(({ crumb }) => crumb)
}

function isMap(json: Json | undefined): json is JsonMap {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}
