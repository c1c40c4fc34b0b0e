import type { Trimmed } from '../limits.ts'
import { detect, type StackLanguage } from './detect.ts'
import { readDotnet } from './dotnet.ts'
import { readGo } from './go.ts'
import { readJava } from './java.ts'
import { linesOf } from './lines.ts'
import { readNode } from './node.ts'
import { readPhp } from './php.ts'
import { readPython } from './python.ts'
import { readRuby } from './ruby.ts'
import { readRust } from './rust.ts'
import { type Draft, type ParsedException, STACK_LIMITS, type StackLimits, type StackReader } from './stack.ts'

const READERS: Readonly<Record<StackLanguage, StackReader>> = {
  python: readPython,
  java: readJava,
  nodejs: readNode,
  go: readGo,
  dotnet: readDotnet,
  ruby: readRuby,
  php: readPhp,
  rust: readRust
}

// Names of `telemetry.sdk.language` and of Sentry's platforms for the same.
const ALIASES: Readonly<Record<string, StackLanguage>> = {
  webjs: 'nodejs',
  javascript: 'nodejs',
  node: 'nodejs',
  typescript: 'nodejs',
  kotlin: 'java',
  scala: 'java',
  csharp: 'dotnet'
}

/**
 * The exceptions that a stack string tells of, in Sentry's order: causes first, the one that was caught last. `language` is `telemetry.sdk.language`;
 * where it is not known, or the text is of another one, the text itself decides. Empty where no frame is found: then the text is worth keeping as it is.
 * Takes time in proportion to the text, which is cut at a limit; what the limits took is counted in `trimmed`.
 */
export function parseStack(
  language: string | undefined,
  text: string,
  limits: Partial<StackLimits> = {},
  trimmed?: Trimmed
): ParsedException[] {
  const { charactersMax, framesMax, exceptionsMax } = { ...STACK_LIMITS, ...limits }
  if (text.length > charactersMax) trimmed?.add('stack')
  const lines = linesOf(text, charactersMax)
  const said = language === undefined ? undefined : languageOf(language)
  let root = said === undefined ? null : READERS[said](lines)
  if (root === null) for (const each of detect(lines)) if (each !== said) root ??= READERS[each](lines)
  return root === null ? [] : finish(root, framesMax, exceptionsMax, trimmed)
}

/** The language that a stack string is of, named as in `telemetry.sdk.language`; undefined where it cannot be told. */
export function detectLanguage(text: string): StackLanguage | undefined {
  return detect(linesOf(text, STACK_LIMITS.charactersMax))[0]
}

function languageOf(name: string): StackLanguage | undefined {
  if (Object.hasOwn(READERS, name)) return name as StackLanguage
  return Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined
}

interface Placed {
  readonly draft: Draft
  readonly parent: Placed | null
  /** -1: left out. */
  id: number
}

// Each exception is followed by its causes and members, each with theirs, which is how Sentry's SDKs number them.
function finish(root: Draft, framesMax: number, exceptionsMax: number, trimmed: Trimmed | undefined): ParsedException[] {
  const placed: Placed[] = []
  const waiting: Placed[] = [{ draft: root, parent: null, id: -1 }]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    placed.push(next)
    const { children, frames } = next.draft
    // Sentry takes no frame that says neither.
    next.draft.frames = frames.filter((each) => each.filename !== undefined || each.function !== undefined)
    for (let i = children.length - 1; i >= 0; i--) waiting.push({ draft: children[i], parent: next, id: -1 })
  }
  const kept = withoutMiddle(placed, exceptionsMax)
  if (kept.length < placed.length) trimmed?.add('exceptions', placed.length - kept.length)
  for (let i = 0; i < kept.length; i++) kept[i].id = i
  if (kept.every((each) => each.draft.frames.length === 0)) return []
  return kept.map((each) => exceptionOf(each, framesMax, trimmed)).reverse()
}

function exceptionOf(placed: Placed, framesMax: number, trimmed: Trimmed | undefined): ParsedException {
  const { draft, id } = placed
  let parent = placed.parent
  while (parent !== null && parent.id < 0) parent = parent.parent
  const frames = withoutMiddle(draft.frames, framesMax)
  const framesOmitted = draft.frames.length - frames.length
  if (framesOmitted > 0) trimmed?.add('frames', framesOmitted)
  return {
    id,
    ...(parent === null ? {} : { parent: parent.id }),
    ...(draft.source === undefined ? {} : { source: draft.source }),
    ...(draft.isGroup === undefined ? {} : { isGroup: draft.isGroup }),
    type: draft.type,
    value: draft.value,
    ...(draft.module === undefined ? {} : { module: draft.module }),
    frames,
    ...(framesOmitted > 0 ? { framesOmitted } : {})
  }
}

function withoutMiddle<T>(items: readonly T[], max: number): T[] {
  if (items.length <= max) return items.slice()
  const first = Math.ceil(max / 2)
  return [...items.slice(0, first), ...items.slice(items.length - (max - first))]
}
