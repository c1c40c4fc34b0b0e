import { behind, isForeign, ownName } from './paths.ts'
import { adopt, type Draft, draftOf, type Frame, frameOf, LINE_CHARACTERS_MAX, lineNumber } from './stack.ts'

// Printed newest first, the exception in the line of its first frame, its causes below:
//   file.rb:N:in 'Class#method': message (Type)
//   \tfrom file.rb:N:in 'method'
//   file.rb:N:in 'method': message (Type)
// or, to a terminal of older versions, turned round:
//   Traceback (most recent call last):
//   \t1: from file.rb:N:in `method'
//   file.rb:N:in `method': message (Type)
// or frames alone, or below a line `Type (message):` or `Type: message`.
const REVERSED = /^\t? *\d{1,6}: from /
const FROM = /^\s*(?:from )?/
const PLACE = /:(\d{1,9})(?::in ([`'])|: |$)/
const TYPE = / \(([\p{Lu}][\p{L}\p{N}_:]{0,255})\)$/u
const HEAD = /^([\p{Lu}][\p{L}\p{N}_]{0,100}(?:::[\p{L}\p{N}_]{1,100}){0,8})(?::(?: (.*))?| \((.*)\):?)?$/u
const SCOPE =
  /^((?:(?:block|rescue|ensure)(?: \(\d{1,4} levels\))? in |)(?:.{0,400} in )?)([\p{Lu}][\p{L}\p{N}_:]{0,300})[#.]([^\s#.]{1,200})$/u

interface Line {
  readonly frame: Frame
  /** What stands behind the frame. */
  readonly rest: string
}

/** Reads what Exception#full_message and #backtrace give, and uncaught exceptions print. */
export function readRuby(lines: readonly string[]): Draft | null {
  let root: Draft | null = null
  let current: Draft | null = null
  const drafts: Draft[] = []
  let head: Draft | null = null
  let open: Draft | null = null
  let reversed: Frame[] = []
  // Turned round, the cause comes first.
  const begin = (draft: Draft, isReversed = false): void => {
    const isTwin =
      current !== null &&
      current.type === draft.type &&
      current.value.trim() === draft.value.trim() &&
      isSame(current.frames[0], draft.frames[0])
    if (current !== null && isReversed) adopt(draft, current, 'cause')
    else if (current !== null && !isTwin) adopt(current, draft, 'cause')
    root = isReversed ? draft : (root ?? draft)
    current = draft
    drafts.push(draft)
  }
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]
    const found = line.length > LINE_CHARACTERS_MAX * 4 ? null : rubyLine(line)
    if (found === null) {
      if (open !== null) open.value += `\n${line}`
      else if (current === null && head === null) head = headOf(line)
      else if (current === null && head !== null && line.trim() !== '') head.value += `\n${line}`
      continue
    }
    if (REVERSED.test(line)) {
      reversed.push(found.frame)
      continue
    }
    const isFrom = /^\s/.test(line)
    if (found.rest !== '' && !isFrom) {
      const draft = exceptionOf(found.rest, lines, i)
      draft.frames = [found.frame, ...reversed.reverse()]
      begin(draft, draft.frames.length > 1)
      reversed = []
      open = draft
      continue
    }
    open = null
    if (current === null) begin(head ?? draftOf('', ''))
    const draft = current as Draft | null
    draft?.frames.push(found.frame)
  }
  for (const draft of drafts) {
    draft.value = draft.value.trim()
    draft.frames.reverse()
    const colons = draft.type.lastIndexOf('::')
    if (colons > 0) draft.module = draft.type.slice(0, colons)
  }
  return root
}

const isSame = (a: Frame | undefined, b: Frame | undefined): boolean => a?.abs_path === b?.abs_path && a?.lineno === b?.lineno

/** `file.rb:N:in 'method'`, with `from` before it or an exception behind it. */
export const isRubyFrame = (line: string): boolean => line.includes(':in ') && rubyLine(line) !== null

// The type stands in brackets behind the first line of the message.
function exceptionOf(rest: string, lines: readonly string[], at: number): Draft {
  const type = rest.length < 16_384 ? TYPE.exec(rest) : null
  if (type !== null) return draftOf(type[1], rest.slice(0, type.index))
  // An exception without a message prints its type alone.
  const bare = /^(?:unhandled exception|[\p{Lu}][\p{L}\p{N}_:]{0,255})$/u.test(rest) && !lines[at + 1]?.startsWith(' ')
  return bare ? draftOf(rest, '') : draftOf('', rest)
}

function headOf(line: string): Draft | null {
  if (line.length > LINE_CHARACTERS_MAX) return null
  const head = HEAD.exec(line.trim())
  return head === null ? (line.trim() === '' ? null : draftOf('', line.trim())) : draftOf(head[1], head[2] ?? head[3] ?? '')
}

// file:N:in 'label'[: rest], file:N[: rest]
function rubyLine(line: string): Line | null {
  const lead = (REVERSED.exec(line) ?? FROM.exec(line))?.[0].length ?? 0
  const text = line.slice(lead)
  const place = PLACE.exec(text)
  if (place === null || place.index === 0) return null
  const path = text.slice(0, place.index)
  if (!isRubyPath(path)) return null
  const end = place.index + place[0].length
  if (place[2] === undefined) {
    const isBare = place[0].endsWith(' ')
    return { frame: rubyFrame(path, lineNumber(place[1]), ''), rest: isBare ? text.slice(end) : '' }
  }
  const quote = closingQuote(text, end)
  if (quote < 0) return null
  const behindLabel = text.slice(quote + 1)
  if (behindLabel !== '' && !behindLabel.startsWith(': ')) return null
  return { frame: rubyFrame(path, lineNumber(place[1]), text.slice(end, quote)), rest: behindLabel.slice(2) }
}

const closingQuote = (text: string, from: number): number => {
  const next = text.indexOf("': ", from)
  return next >= 0 ? next : text.endsWith("'") && text.length > from ? text.length - 1 : -1
}

const isRubyPath = (path: string): boolean =>
  path.length < 1024 &&
  (/\.(?:rb|ru|rake|erb|gemspec|haml|slim|jbuilder)$/.test(path) ||
    /^(?:<internal:|\(eval|\(irb|-e$)/.test(path) ||
    /\/(?:s?bin|exe)\/[\w.-]+$/.test(path))

function rubyFrame(path: string, lineno: number | undefined, label: string): Frame {
  const scope = SCOPE.exec(label)
  const standard = /\/(?:lib\/)?ruby\/(?:\d[\w.]{0,10}|vendor_ruby|site_ruby)\//.exec(path)
  const isInternal = path.startsWith('<internal:')
  const gem = isInternal ? path : behind(path, '/gems/')
  const filename = gem ?? (standard === null ? ownName(path) : path.slice(standard.index + standard[0].length))
  const isOwn = !isInternal && gem === undefined && standard === null && !isForeign(path) && !/\/s?bin\/[\w.-]+$/.test(path)
  return frameOf(isOwn, {
    function: scope === null ? label : `${scope[1]}${scope[3]}`,
    module: scope?.[2],
    filename,
    abs_path: path,
    lineno
  })
}
