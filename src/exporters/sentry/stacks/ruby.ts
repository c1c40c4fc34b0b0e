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
  const reader = new MessageReader()
  for (let i = 0; i < lines.length; i++) reader.take(lines[i], lines[i + 1] ?? '')
  return reader.end()
}

class MessageReader {
  private root: Draft | null = null
  private current: Draft | null = null
  private readonly drafts: Draft[] = []
  /** What stands above frames that have no exception in their first line. */
  private head: Draft | null = null
  /** The exception whose message may go on. */
  private open: Draft | null = null
  /** Frames that were printed oldest first: their exception comes below them. */
  private reversed: Frame[] = []

  take(line: string, next: string): void {
    const found = line.length > LINE_CHARACTERS_MAX * 4 ? null : rubyLine(line)
    if (found === null) this.takeText(line)
    else if (REVERSED.test(line)) this.reversed.push(found.frame)
    else if (found.rest !== '' && !/^\s/.test(line)) {
      const draft = exceptionOf(found.rest, next)
      const isReversed = this.reversed.length > 0
      draft.frames = [found.frame, ...this.reversed.reverse()]
      this.reversed = []
      this.begin(draft, isReversed)
      this.open = draft
    } else {
      this.open = null
      const draft = this.current ?? this.begin(this.head ?? draftOf('', ''), false)
      draft.frames.push(found.frame)
    }
  }

  end(): Draft | null {
    for (const draft of this.drafts) {
      draft.value = draft.value.trim()
      draft.frames.reverse()
      const colons = draft.type.lastIndexOf('::')
      if (colons > 0) draft.module = draft.type.slice(0, colons)
    }
    return this.root
  }

  private takeText(line: string): void {
    if (this.open !== null) this.open.value += `\n${line}`
    else if (this.current !== null) return
    else if (this.head === null) this.head = headOf(line)
    else if (line.trim() !== '') this.head.value += `\n${line}`
  }

  // Causes stand below, or above where all is turned round. What ends a thread may be printed twice.
  private begin(draft: Draft, isReversed: boolean): Draft {
    const before = this.current
    if (before !== null && isReversed) adopt(draft, before, 'cause')
    else if (before !== null && !isSame(before, draft)) adopt(before, draft, 'cause')
    if (isReversed || this.root === null) this.root = draft
    this.current = draft
    this.drafts.push(draft)
    return draft
  }
}

const isSame = (one: Draft, other: Draft): boolean =>
  one.type === other.type &&
  one.value.trim() === other.value.trim() &&
  one.frames[0]?.abs_path === other.frames[0]?.abs_path &&
  one.frames[0]?.lineno === other.frames[0]?.lineno

/** `file.rb:N:in 'method'`, with `from` before it or an exception behind it. */
export const isRubyFrame = (line: string): boolean => line.includes(':in ') && rubyLine(line) !== null

// The type stands in brackets behind the first line of the message.
function exceptionOf(rest: string, next: string): Draft {
  const type = rest.length < 16_384 ? TYPE.exec(rest) : null
  if (type !== null) return draftOf(type[1], rest.slice(0, type.index))
  // An exception without a message prints its type alone.
  const bare = /^(?:unhandled exception|[\p{Lu}][\p{L}\p{N}_:]{0,255})$/u.test(rest) && !next.startsWith(' ')
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
