import { behind, isForeign, ownName } from './paths.ts'
import { adopt, type Draft, draftOf, type Frame, frameOf, indentOf, LINE_CHARACTERS_MAX, lineNumber } from './stack.ts'

// Printed oldest first, and causes before what they caused:
//   Traceback (most recent call last):
//     File "path", line N, in function
//       source line
//       ~~~^^^
//   module.Type: message
//   <empty>
//   The above exception was the direct cause of the following exception: | During handling of the above exception, another exception occurred:
// A group stands in a margin, each depth two blanks further right:
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
const MARGIN = /^( *)(?:(\|)(?: |$)|\+ (Exception Group )|(\+-\+-{4,}|\+-{4,})(?: (\d{1,9}|\.\.\.) -{4,})?)/
const REPEATED = /^ {2,4}\[Previous line repeated (\d{1,12}) more times?\]$/
const TYPE = /^[^\W\d][\w.<>]{0,399}(?:\([\w.]{1,400}\))?$/u
const CARETS = /^[ \t~^]*$/
const FATAL = 'Fatal Python error: '
const THREAD = /^(?:Current thread|Thread) [^\n]{1,200} \(most recent call first\):$/
const DEPTH_MAX = 64

/** Reads what Python's traceback module, uncaught exceptions, loguru, multiprocessing, PyTorch and faulthandler print. */
export function readPython(lines: readonly string[]): Draft | null {
  const fatal = lines.findIndex((line) => line.startsWith(FATAL) || THREAD.test(line))
  if (fatal >= 0 && !lines.some((line) => line.endsWith(HEADER))) return readFault(lines, fatal)
  const reader = new TracebackReader()
  const prefix = prefixOf(lines)
  for (let i = 0; i < lines.length; i++) {
    const line = prefix !== '' && lines[i].startsWith(prefix) ? lines[i].slice(prefix.length) : lines[i]
    reader.take(prefix !== '' && line === prefix.trimEnd() ? '' : line)
  }
  return reader.end()
}

// `[rank0]: Traceback …`, as torch's launcher and many loggers write it before every line.
function prefixOf(lines: readonly string[]): string {
  for (let i = 0; i + 1 < lines.length; i++) {
    const at = lines[i].endsWith(HEADER) ? lines[i].length - HEADER.length : -1
    if (at <= 0 || at > 200) continue
    const prefix = lines[i].slice(0, at)
    if (prefix.trim() !== '' && !/[|+] |Original |Group $/.test(prefix) && lines[i + 1].startsWith(`${prefix}  `)) return prefix
  }
  return ''
}

/** One place in the tree of groups: the exception that was read there last, and how it hangs together with the next. */
interface Level {
  current: Draft | null
  /** How the next exception knows the current one. */
  link: string
  /** The group that what stands here is a member of, and as which. */
  group: Draft | null
  member: number
}

class TracebackReader {
  private readonly levels: Level[] = [{ current: null, link: '', group: null, member: 0 }]
  private depth = 0
  private hasGroups = false
  private hasFrames = false
  /** Frames of the traceback that is being read: its exception comes below them. */
  private frames: Frame[] = []
  /** The exception whose message may go on, with the lines of the message. */
  private open: Draft | null = null
  private message: string[] = []
  private isSource = false
  private isWithin = false

  take(line: string): void {
    if (!this.hasGroups && !line.includes('+ Exception Group Traceback')) return this.takeContent(line)
    const margin = MARGIN.exec(line)
    if (margin === null) {
      if (this.depth > 0 && line.trim() === '') return
      this.moveTo(0)
      return this.takeContent(line)
    }
    const [all, blanks, bar, group, rule, number] = margin
    const depth = Math.min(blanks.length >> 1, DEPTH_MAX)
    if (bar !== undefined) {
      this.moveTo(depth)
      this.takeContent(line.slice(all.length))
    } else if (group !== undefined) {
      this.hasGroups = true
      this.moveTo(depth)
      this.startTraceback()
    } else if (number !== undefined) {
      const isFirst = rule.startsWith('+-+')
      this.moveTo(isFirst ? depth : depth - 1)
      this.startMember(number === '...' ? -1 : Number(number))
    } else this.moveTo(depth - 1)
  }

  end(): Draft | null {
    this.moveTo(0)
    this.closeMessage()
    // Frames whose exception was cut off.
    if (this.frames.length > 0) this.startException(draftOf('', ''))
    return this.hasFrames ? this.levels[0].current : null
  }

  private startMember(number: number): void {
    this.closeMessage()
    const group = this.levels[this.depth].current
    if (group === null || this.depth >= DEPTH_MAX) return
    group.isGroup = true
    this.depth++
    this.levels[this.depth] = { current: null, link: '', group, member: number - 1 }
  }

  private moveTo(depth: number): void {
    if (depth < 0 || depth === this.depth) return
    this.closeMessage()
    // A margin without its group: a part of the text is missing.
    while (this.depth < depth) {
      this.depth++
      this.levels[this.depth] = { current: null, link: '', group: this.levels[this.depth - 1].current, member: 0 }
    }
    while (this.depth > depth) {
      this.leave(this.levels[this.depth])
      this.depth--
    }
  }

  private leave({ current, group, member }: Level): void {
    if (this.frames.length > 0) this.frames = []
    if (current === null || member < 0) return
    if (group !== null) adopt(group, current, `exceptions[${member}]`)
    else if (this.levels[0].current === null) this.levels[0].current = current
  }

  private takeContent(line: string): void {
    if (line.endsWith(HEADER) && line.length < 512) return this.startTraceback(line.endsWith(`Original ${HEADER}`))
    const trimmed = line.trim()
    if (trimmed === CAUSE || trimmed === CONTEXT) return this.startNext(trimmed === CAUSE ? '__cause__' : '__context__')
    const frame = frameLine(line)
    if (frame !== null && (this.open === null || frame.function !== undefined)) {
      // Ray and others print frames in a message, of the process that the exception came from.
      if (this.open !== null) this.startTraceback(true)
      this.frames.push(frame)
      this.hasFrames = true
      this.isSource = true
      return
    }
    if (this.open !== null) {
      this.message.push(line)
      return
    }
    if (this.frames.length > 0 || this.isWithin) this.takeBelowFrame(line, trimmed)
  }

  private takeBelowFrame(line: string, trimmed: string): void {
    if (trimmed === '') return
    const indent = indentOf(line)
    if (indent === 0) {
      this.isWithin = false
      return this.startException(exceptionLine(line))
    }
    const last = this.frames[this.frames.length - 1]
    if (last === undefined) return
    const repeated = REPEATED.exec(line)
    if (repeated !== null) last.vars = { repeated: `${repeated[1]} more times` }
    else if (this.isSource && indent >= 4 && !CARETS.test(line) && line.length <= LINE_CHARACTERS_MAX) last.context_line = line.slice(4)
    this.isSource = false
  }

  private startTraceback(isCause = false): void {
    this.closeMessage()
    const level = this.levels[this.depth]
    if (level.current !== null && level.link === '') level.link = isCause ? 'original' : '__context__'
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
    const before = level.current
    if (before === null || isRemote(before)) level.current = draft
    else if (level.link === 'original') {
      adopt(before, draft, '__cause__')
      level.current = before
    } else {
      adopt(draft, before, level.link === '' ? '__context__' : level.link)
      level.current = draft
    }
    level.link = ''
    this.open = draft
    this.message = [draft.value]
  }

  private closeMessage(): void {
    if (this.open === null) return
    let end = this.message.length
    while (end > 1 && /^\s*(?:""")?$/.test(this.message[end - 1])) end--
    this.open.value = this.message.slice(0, end).join('\n').trimEnd()
    this.open = null
    this.message = []
  }
}

// multiprocessing and concurrent.futures quote the traceback of the other process in an exception that says nothing else.
const isRemote = ({ type, value, frames }: Draft): boolean => frames.length === 0 && type === '_RemoteTraceback' && value.startsWith('"""')

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

// `  File "path", line N, in function`; without the function where the compiler speaks, without the comma where faulthandler does.
function frameLine(line: string): Frame | null {
  const indent = indentOf(line)
  const start = line.startsWith('> File "') ? 2 : indent
  if ((start !== 2 && start !== 4) || !line.startsWith('File "', start) || line.length > LINE_CHARACTERS_MAX) return null
  const quote = line.indexOf('", line ', start + 6)
  if (quote < 0) return null
  const path = line.slice(start + 6, quote)
  let end = quote + 8
  while (line.charCodeAt(end) >= 48 && line.charCodeAt(end) <= 57) end++
  const lineno = lineNumber(line.slice(quote + 8, end))
  const rest = line.slice(end)
  const called = rest.startsWith(', in ') ? rest.slice(5) : rest.startsWith(' in ') ? rest.slice(4) : ''
  if (rest !== '' && called === '') return null
  return pythonFrame(path, lineno, called)
}

function pythonFrame(path: string, lineno: number | undefined, called: string): Frame {
  const standard = /[\\/][Ll]ib[\\/](?:python\d[\w.]{0,8}[\\/])?/.exec(path)
  const isStandard = path.startsWith('<frozen') || (standard !== null && (standard[0].includes('python') || standard[0].includes('Lib')))
  const filename =
    behind(path, '/site-packages/') ??
    behind(path, '\\site-packages\\') ??
    behind(path, '/dist-packages/') ??
    (isStandard && standard !== null ? path.slice(standard.index + standard[0].length) : ownName(path))
  const dotted = filename
    .replace(/\.pyc?$/, '')
    .replace(/[\\/]__init__$/, '')
    .replace(/[\\/]/g, '.')
  const module = /\.pyc?$/.test(filename) && /^[^\W\d][\w.-]*$/u.test(dotted) ? dotted : frozenModule(path)
  return frameOf(!isStandard && !isForeign(path), { function: called, module, filename, abs_path: path, lineno })
}

const frozenModule = (path: string): string | undefined => /^<frozen ([\w.]{1,200})>$/.exec(path)?.[1]

// Fatal Python error: Segmentation fault
//
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
