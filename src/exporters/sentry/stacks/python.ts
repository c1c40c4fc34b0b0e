import { frameLine } from './python-frame.ts'
import { adopt, type Draft, draftOf, type Frame, indentOf, LINE_CHARACTERS_MAX } from './stack.ts'

// Printed oldest first, and causes before what they caused:
//   Traceback (most recent call last):
//     File "path", line N, in function
//       source line
//       ~~~^^^
//   module.Type: message
//   <empty>
//   The above exception was the direct cause of the following exception: | During handling of the above exception, another exception occurred:
// A group stands in a margin, its members two blanks further right. Not every line has the margin: those of a message do not.
//     + Exception Group Traceback (most recent call last):
//     |   File …
//     | ExceptionGroup: message (2 sub-exceptions)
//     +-+---------------- 1 ----------------
//       | ValueError: first
//       +---------------- 2 ----------------
//       | …
//       +------------------------------------
const HEADER = 'Traceback (most recent call last):'
const CAUSE = 'The above exception was the direct cause of the following exception:'
const CONTEXT = 'During handling of the above exception, another exception occurred:'
const MARGIN = /^( *)(?:(\|)(?: |$)|\+ (Exception Group )|(\+-\+-{4,64}|\+-{4,64})(?: (\d{1,9}|\.\.\.) -{4,64})?)/
const REPEATED = /^ {2,4}\[Previous line repeated (\d{1,12}) more times?\]$/
const TYPE = /^[\p{L}_][\p{L}\p{N}_.<>]{0,399}(?:\([\w.]{1,400}\))?$/u
const CARETS = /^[ \t~^]*$/
const FATAL = 'Fatal Python error: '
const THREAD = /^(?:Current thread|Thread) [^\n]{1,200} \(most recent call first\):$/
const DEPTH_MAX = 64

/** Reads what Python's traceback module, uncaught exceptions, loguru, multiprocessing, PyTorch and faulthandler print. */
export function readPython(lines: readonly string[]): Draft | null {
  const fault = lines.findIndex((line) => line.startsWith(FATAL) || THREAD.test(line))
  if (fault >= 0 && !lines.some((line) => line.endsWith(HEADER))) return readFault(lines, fault)
  const reader = new TracebackReader()
  const prefix = prefixOf(lines)
  for (let i = 0; i < lines.length; i++) reader.take(withoutPrefix(lines[i], prefix))
  return reader.end()
}

// `[rank0]: Traceback …`, as torch's launcher and many loggers write it before every line.
function prefixOf(lines: readonly string[]): string {
  for (let i = 0; i + 1 < lines.length; i++) {
    const at = lines[i].endsWith(HEADER) ? lines[i].length - HEADER.length : 0
    if (at === 0 || at > 200) continue
    const prefix = lines[i].slice(0, at)
    if (prefix.trim() !== '' && !/[|+] |(?:Original|Group) $/.test(prefix) && lines[i + 1].startsWith(`${prefix}  `)) return prefix
  }
  return ''
}

function withoutPrefix(line: string, prefix: string): string {
  if (prefix === '') return line
  return line.startsWith(prefix) ? line.slice(prefix.length) : line === prefix.trimEnd() ? '' : line
}

/** A place in the tree of groups: the exception that was read there last, and how it hangs together with the next. */
interface Level {
  current: Draft | null
  /** How the next exception knows the current one; empty where nothing was said. */
  link: string
  /** What stands here is a member of this group. */
  readonly group: Draft | null
  /** Its place among the members; -1 where the text only says that there are more. */
  readonly member: number
}

class TracebackReader {
  private readonly levels: Level[] = [{ current: null, link: '', group: null, member: -1 }]
  private depth = 0
  private hasGroups = false
  /** The last group has ended: what has no margin now is outside of all. */
  private isClosed = false
  private hasFrames = false
  /** Of the traceback that is being read: its exception comes below them. */
  private frames: Frame[] = []
  private isWithin = false
  /** The next line may be the source of the last frame. */
  private isSource = false
  /** The exception whose message may go on, and the message's lines. */
  private open: Draft | null = null
  private message: string[] = []

  take(line: string): void {
    const margin = this.hasGroups || line.includes('+ Exception Group Traceback') ? MARGIN.exec(line) : null
    if (margin === null) {
      if (this.isClosed) this.moveTo(0)
      this.takeContent(line)
      return
    }
    this.isClosed = false
    const [all, blanks, bar, group, rule, number] = margin
    const depth = Math.min(Math.max((blanks.length >> 1) - 1, 0), DEPTH_MAX)
    if (bar !== undefined) {
      this.moveTo(depth)
      this.takeContent(line.slice(all.length))
    } else if (group !== undefined) {
      this.hasGroups = true
      this.moveTo(depth)
      this.startTraceback(false)
    } else if (number !== undefined) {
      this.moveTo(rule.startsWith('+-+') ? depth : depth - 1)
      this.startMember(number === '...' ? -1 : Number(number) - 1)
    } else {
      this.moveTo(depth - 1)
      this.isClosed = true
    }
  }

  /** The outermost exception. */
  end(): Draft | null {
    this.moveTo(0)
    this.closeMessage()
    // Frames whose exception was cut off.
    if (this.frames.length > 0) this.startException(draftOf('', ''))
    return this.hasFrames ? this.levels[0].current : null
  }

  private moveTo(depth: number): void {
    if (depth < 0 || depth === this.depth) return
    this.closeMessage()
    // Deeper without a rule: the text has a part missing.
    for (; this.depth < depth; this.depth++) this.levels[this.depth + 1] = this.levelIn(this.levels[this.depth].current, -1)
    for (; this.depth > depth; this.depth--) {
      const { current, group, member } = this.levels[this.depth]
      this.frames = []
      if (group !== null && current !== null && member >= 0) adopt(group, current, `exceptions[${member}]`)
      else if (current !== null) this.levels[this.depth - 1].current ??= current
    }
  }

  private levelIn(group: Draft | null, member: number): Level {
    return { current: null, link: '', group, member }
  }

  private startMember(member: number): void {
    this.closeMessage()
    const group = this.levels[this.depth].current
    if (group !== null) group.isGroup = true
    if (this.depth < DEPTH_MAX) this.levels[++this.depth] = this.levelIn(group, member)
    this.isWithin = true
  }

  private takeContent(line: string): void {
    const trimmed = line.length < 512 ? line.trim() : line
    const frame = frameLine(line)
    if (trimmed.endsWith(HEADER)) this.startTraceback(trimmed.endsWith(`Original ${HEADER}`))
    else if (trimmed === CAUSE) this.startNext('__cause__')
    else if (trimmed === CONTEXT) this.startNext('__context__')
    // In a message only what names a function is a frame: Ray and others print those of the process that the exception came from.
    else if (frame !== null && (this.open === null || frame.function !== undefined)) {
      if (this.open !== null) this.startTraceback(true)
      this.frames.push(frame)
      this.hasFrames = true
      this.isSource = true
    } else if (this.open !== null) this.message.push(line)
    else if (trimmed !== '' && (this.isWithin || this.frames.length > 0)) this.takeBelowFrame(line)
  }

  private takeBelowFrame(line: string): void {
    const indent = indentOf(line)
    if (indent === 0) {
      this.isWithin = false
      this.startException(exceptionLine(line))
      return
    }
    const last = this.frames[this.frames.length - 1]
    if (last === undefined) return
    const repeated = REPEATED.exec(line)
    if (repeated !== null) last.vars = { repeated: `${repeated[1]} more times` }
    else if (this.isSource && indent >= 4 && !CARETS.test(line) && line.length <= LINE_CHARACTERS_MAX) last.context_line = line.slice(4)
    this.isSource = false
  }

  private startTraceback(isQuoted: boolean): void {
    this.closeMessage()
    if (isQuoted) this.levels[this.depth].link = 'quoted'
    this.frames = []
    this.isWithin = true
    this.isSource = false
  }

  private startNext(link: string): void {
    this.closeMessage()
    this.levels[this.depth].link = link
    this.isWithin = true
  }

  private startException(draft: Draft): void {
    const level = this.levels[this.depth]
    draft.frames = this.frames
    this.frames = []
    // A traceback quoted in a message is where that exception came from; all others come from the one before.
    if (level.current !== null && level.link === 'quoted') adopt(level.current, draft, '__cause__')
    else {
      if (level.current !== null) adopt(draft, level.current, level.link === '' ? '__context__' : level.link)
      level.current = draft
    }
    level.link = ''
    this.open = draft
    this.message = [draft.value]
  }

  // Quotes stand below a traceback that came from another process.
  private closeMessage(): void {
    if (this.open === null) return
    let end = this.message.length
    while (end > 1 && /^\s*(?:""")?$/.test(this.message[end - 1])) end--
    this.open.value = this.message.slice(0, end).join('\n').trimEnd()
    this.open = null
    this.message = []
  }
}

/** `package.module.Type: message`, `Type`, or anything else as a message. */
function exceptionLine(line: string): Draft {
  const colon = line.indexOf(':')
  const name = (colon < 0 ? line : line.slice(0, colon)).trimEnd()
  if (!TYPE.test(name) || (colon >= 0 && colon + 1 < line.length && line[colon + 1] !== ' ')) return draftOf('', line)
  const bracket = name.indexOf('(')
  const dot = name.lastIndexOf('.', bracket < 0 ? name.length : bracket)
  const draft = draftOf(name.slice(dot + 1), colon < 0 ? '' : line.slice(colon + 1).trim())
  if (dot > 0) draft.module = name.slice(0, dot)
  return draft
}

// Fatal Python error: Segmentation fault
// <empty>
// Current thread 0x00007f (most recent call first):
//   File "path", line N in function
function readFault(lines: readonly string[], start: number): Draft | null {
  const isNamed = lines[start].startsWith(FATAL)
  const draft = isNamed ? draftOf('Fatal Python error', lines[start].slice(FATAL.length)) : draftOf('', '')
  for (let i = start; i < lines.length; i++) {
    const frame = frameLine(lines[i])
    if (frame !== null) draft.frames.push(frame)
    else if (draft.frames.length > 0) break
  }
  draft.frames.reverse()
  return draft.frames.length === 0 ? null : draft
}
