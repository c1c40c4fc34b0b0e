/** One call of a stack, under Sentry's names, so that it goes into a payload as it is. */
export interface Frame {
  function?: string
  module?: string
  filename?: string
  abs_path?: string
  lineno?: number
  colno?: number
  context_line?: string
  vars?: Record<string, string>
  /** Written by those whose program this is, as far as its name and place tell; decides what Sentry groups by and shows first. */
  in_app: boolean
}

/** One exception of a chain or a group. */
export interface ParsedException {
  /** As Sentry numbers them: 0 is the outermost one, which comes last. */
  readonly id: number
  /** The `id` of the exception that this one is a cause or a member of; absent for the outermost. */
  readonly parent?: number
  /** How the parent knows it: `__cause__`, `__context__`, `cause`, `InnerException`, `exceptions[0]`, … */
  readonly source?: string
  /** The exceptions that name it as their parent are its members, not its causes alone. */
  readonly isGroup?: true
  /** Empty where the text does not say. */
  readonly type: string
  readonly value: string
  readonly module?: string
  /** Oldest first, so that the last is where it was thrown. */
  readonly frames: readonly Frame[]
  /** Frames in the middle of a deep stack that were left out. */
  readonly framesOmitted?: number
}

/** What is read of a stack string, and kept of it. */
export interface StackLimits {
  /** Of a longer text the beginning and the end are read. */
  readonly charactersMax: number
  /** Of more frames in one exception the first and the last are kept. */
  readonly framesMax: number
  /** Of more exceptions in a chain or a group the outermost and the innermost are kept. */
  readonly exceptionsMax: number
}

export const STACK_LIMITS: StackLimits = { charactersMax: 64 * 1024, framesMax: 250, exceptionsMax: 20 }

/** Longer lines are messages, never frames. */
export const LINE_CHARACTERS_MAX = 4096

/** An exception while its lines are read. */
export interface Draft {
  type: string
  value: string
  module?: string
  isGroup?: true
  source?: string
  /** Oldest first when the reader is done. */
  frames: Frame[]
  /** Its causes and members, in the order in which they were met. */
  children: Draft[]
}

/** Reads the lines of one language; null where they are not of that language. The draft is the outermost exception. */
export type StackReader = (lines: readonly string[]) => Draft | null

export function draftOf(type: string, value: string): Draft {
  return { type, value, frames: [], children: [] }
}

/** `source` is how `parent` knows `child`. */
export function adopt(parent: Draft, child: Draft, source: string): void {
  child.source = source
  parent.children.push(child)
}

export function indentOf(line: string): number {
  let at = 0
  for (let code = line.charCodeAt(0); code === 32 || code === 9; code = line.charCodeAt(at)) at++
  return at
}

export const isDigit = (code: number): boolean => code >= 48 && code <= 57

/** The number that the text is, if it is digits and at least 1: Sentry takes no other lines and columns. */
export function lineNumber(text: string): number | undefined {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : 0
  return number > 0 ? number : undefined
}

export interface Place {
  readonly path: string
  readonly line: number | undefined
  readonly column: number | undefined
}

/** `path:line:column` or `path:line` or a path alone; the path may have colons. */
export function placeOf(text: string): Place {
  const last = numberStart(text, text.length)
  if (last < 0) return { path: text, line: undefined, column: undefined }
  const first = numberStart(text, last - 1)
  const lastNumber = lineNumber(text.slice(last))
  if (first < 0) return { path: text.slice(0, last - 1), line: lastNumber, column: undefined }
  return { path: text.slice(0, first - 1), line: lineNumber(text.slice(first, last - 1)), column: lastNumber }
}

// Where the digits that end at `end` begin, if a colon is before them; else -1.
function numberStart(text: string, end: number): number {
  let at = end
  while (at > 0 && isDigit(text.charCodeAt(at - 1))) at--
  return at < end && at > 1 && text[at - 1] === ':' ? at : -1
}

/** Sets what is known; a key whose value is not known is left out. */
export function frameOf(in_app: boolean, parts: { [key in keyof Frame]?: Frame[key] | undefined } & {}): Frame {
  const frame: Frame = { in_app }
  for (const key in parts) {
    const value = parts[key as keyof Frame]
    if (value !== undefined && value !== '') (frame as unknown as Record<string, unknown>)[key] = value
  }
  return frame
}
