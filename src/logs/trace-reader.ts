import { hasPrefix, isErrorLike, isJavaUtilHead, isJavaUtilMessage, isWarningLike } from './line-prefix.ts'
import {
  indentOf,
  isAtLine,
  isCaretLine,
  isCloser,
  isExceptionHead,
  isFaultLine,
  isGoLine,
  isGoName,
  isGoroutine,
  isGroupHeader,
  isNativeLine,
  isNodePlace,
  isPhpHead,
  isPythonChain,
  isPythonException,
  isPythonHeader,
  isRubyFrame,
  isRubyHead,
  isStackLine,
  isTorchLine,
  namesException
} from './trace-lines.ts'

/** The line is a record by itself. */
export const ALONE = 0
/** A line of a logger: what is indented below belongs to it. */
const MESSAGE = 1
/** The name of an exception has come: its frames are next. */
const STACK = 2
/** Frames of Python, up to the line that names the exception. */
const PYTHON = 3
/** That line has come. */
const PYTHON_END = 4
/** Python has said that another traceback follows. */
const PYTHON_CHAIN = 5
const PYTHON_GROUP = 6
/** Python's faulthandler. */
const FAULT = 7
const GO = 8
/** The next line is what the panic says. */
const RUST_MESSAGE = 9
const RUST = 10
const NATIVE = 11
/** Node.js has said where it was; the code is next, */
const NODE_CODE = 12
/** then a caret below it, */
const NODE_CARET = 13
/** then whatever the error says, up to its frames. */
const NODE_ERROR = 14
/** The last line has come. */
const END = 15

/** Lines at the first column that a message may have before its frames. */
const LOOSE_LINES_MAX = 30

/** The same of a panic of Rust. */
const PANIC_LINES_MAX = 10

const SPACE = 32
const TAB = 9
const OPEN_BRACE = 123
const CLOSE_BRACE = 125

/** What a line may begin when nothing comes before it: ALONE, or what `TraceReader.begin` wants. Most lines are told by their first characters. */
export function beginningOf(line: string): number {
  const first = line.charCodeAt(0)
  const last = line.charCodeAt(line.length - 1)
  if (first === OPEN_BRACE) return last === OPEN_BRACE || last === 91 || last === 44 ? MESSAGE : ALONE
  if (last === 58 && isPythonHeader(line)) return isGroupHeader(line) ? PYTHON_GROUP : PYTHON
  if (first === SPACE || first === TAB) return line.startsWith('  File "') ? PYTHON : ALONE
  if (isNodePlace(line)) return NODE_CODE
  switch (first) {
    case 112: // panic: something
      if (line.startsWith('panic: ')) return GO
      break
    case 102: // fatal error: all goroutines are asleep
      if (line.startsWith('fatal error: ')) return GO
      break
    case 103:
      if (isGoroutine(line)) return GO
      break
    case 83: // SIGSEGV: segmentation violation
      if (line.startsWith('SIG') && line.includes(': ')) return GO
      break
    case 116:
      if (line.startsWith("thread '") && line.includes('panicked at')) return last === 58 ? RUST_MESSAGE : RUST
      if (line.startsWith('terminate called')) return NATIVE
      break
    case 42:
    case 61:
      return isNativeLine(line) ? NATIVE : ALONE
    case 70:
      if (line.startsWith('Fatal Python error: ')) return FAULT
      break
    case 85: // Dart; .NET writes a name behind it
      if (line === 'Unhandled exception:') return RUST_MESSAGE
      if (line.startsWith('Unhandled exception. ')) return STACK
      break
    case 91:
      if (line.length === 1) return MESSAGE
      break
  }
  if (hasPrefix(line)) return MESSAGE
  if (line.includes('panic serving') || line.includes(' panic: ')) return GO
  if (line.includes('RemoteTraceback:')) return PYTHON_END
  return namesException(line) || isRubyHead(line) || isPhpHead(line) ? STACK : ALONE
}

/** Follows the lines of one record: a message and what is indented below it, or a stack trace of any of the languages known here. */
export class TraceReader {
  /** It is a stack trace, and not only a message of several lines. */
  isTrace = false
  private expects = ALONE
  private head = ''
  private indent = 0
  private hasIndented = false
  private isQuoted = false
  private isBoxed = false
  private namesFields = false
  private looseLines = 0
  private wantsHead = false

  /** Begins with the first line; `beginning` is what `beginningOf` says of it. */
  begin(line: string, beginning: number): void {
    this.expects = beginning
    this.head = line
    this.indent = beginning === PYTHON && isPythonHeader(line) ? indentOf(line) : 0
    this.isTrace = beginning !== MESSAGE && beginning !== STACK
    this.hasIndented = this.isQuoted = this.isBoxed = this.namesFields = false
    this.looseLines = beginning === STACK && line.trimEnd().endsWith(':') ? LOOSE_LINES_MAX : 0
    this.wantsHead = line.endsWith('nested exception is:')
  }

  /** Whether `line`, which is not blank, is the next line of the record. */
  continues(line: string): boolean {
    const first = line.charCodeAt(0)
    if (first === OPEN_BRACE && line.charCodeAt(line.length - 1) === CLOSE_BRACE && line.length > 2) return false
    const isIndented = first === SPACE || first === TAB
    switch (this.expects) {
      case MESSAGE:
      case STACK:
        return isIndented ? this.indented(line) : this.stack(line)
      case PYTHON:
        return this.python(line)
      case PYTHON_END:
        return this.pythonEnd(line)
      case PYTHON_CHAIN:
        return isPythonHeader(line) && this.pythonHeader(line)
      case PYTHON_GROUP:
        return isIndented
      case FAULT:
        return isIndented || isFaultLine(line)
      case GO:
        return isIndented || isGoLine(line)
      case RUST_MESSAGE:
        return this.rustMessage(line)
      case RUST:
        return isIndented || line.startsWith('note: ') || line.startsWith('stack backtrace:')
      case NATIVE:
        return isIndented || isNativeLine(line) || isTorchLine(line)
      case NODE_CODE:
        this.expects = NODE_CARET
        return isIndented || !hasPrefix(line)
      case NODE_CARET:
        this.expects = NODE_ERROR
        return isCaretLine(line)
      case NODE_ERROR:
        return this.nodeError(line)
      default:
        return false
    }
  }

  private indented(line: string): boolean {
    this.hasIndented = true
    if (isPythonHeader(line)) return this.pythonHeader(line)
    if (line.startsWith('  File "')) {
      this.isTrace = true
      this.expects = PYTHON
    } else if (isAtLine(line) || isRubyFrame(line)) {
      this.isTrace = true
      this.looseLines = 0
      this.expects = STACK
    }
    return true
  }

  private stack(line: string): boolean {
    if (isRubyFrame(line) && !isRubyHead(line) && this.expects === STACK) {
      this.looseLines = 0
      this.isTrace = true
      return true
    }
    if (this.wantsHead && isExceptionHead(line, false)) return this.foundHead(line)
    if (isPythonHeader(line)) return this.expects === MESSAGE && isErrorLike(this.head) && this.pythonHeader(line)
    if (isCloser(line)) {
      if (this.expects === MESSAGE) this.expects = END
      return this.hasIndented
    }
    if (isStackLine(line, this.isTrace || this.expects === STACK)) return this.foundHead(line)
    if (line.startsWith('Node.js v')) {
      const wasTrace = this.isTrace
      this.expects = END
      return wasTrace
    }
    if (isGoroutine(line)) {
      this.isTrace = true
      this.expects = GO
      return true
    }
    if (line.startsWith('frame #')) {
      this.isTrace = true
      this.expects = NATIVE
      return true
    }
    if (this.expects === MESSAGE && !this.isTrace) {
      if (isExceptionHead(line, !isWarningLike(this.head))) return this.foundHead(line)
      if (isJavaUtilMessage(line) && isJavaUtilHead(this.head)) {
        this.head = line
        return true
      }
      if (isGoName(line) && isErrorLike(this.head)) {
        this.isTrace = true
        return true
      }
    } else if (this.expects === MESSAGE && isGoName(line)) return true
    if (this.looseLines === 0 || hasPrefix(line)) return false
    this.looseLines--
    return true
  }

  private foundHead(line: string): boolean {
    this.isTrace = true
    this.expects = STACK
    this.wantsHead = line.endsWith('nested exception is:')
    return true
  }

  private pythonHeader(line: string): boolean {
    this.isTrace = true
    if (isGroupHeader(line)) this.expects = PYTHON_GROUP
    else {
      this.expects = PYTHON
      this.indent = indentOf(line)
    }
    return true
  }

  private python(line: string): boolean {
    // loguru marks so the frame that caught the exception.
    if (line.startsWith('> File "')) return true
    const indent = indentOf(line)
    if (indent !== this.indent) return indent > this.indent
    if (!isPythonException(line, indent)) return false
    this.expects = PYTHON_END
    this.namesFields = /\b\d+ validation errors? for /.test(line.slice(0, 512))
    return true
  }

  private pythonEnd(line: string): boolean {
    if (this.isBoxed || line.startsWith('==========')) {
      // The report of torchrun, between two rules.
      if (line.startsWith('==========')) this.isBoxed = !this.isBoxed
      return true
    }
    if (indentOf(line) > this.indent) return !isGroupHeader(line) && !line.startsWith('  File "')
    if (isPythonChain(line)) {
      this.expects = PYTHON_CHAIN
      return true
    }
    if (line.trim() === '"""') {
      this.isQuoted = !this.isQuoted
      return true
    }
    if (isPythonHeader(line)) return (this.isQuoted || line.startsWith('Original ')) && this.pythonHeader(line)
    if (this.namesFields && !line.includes(' ')) return true
    return isTorchLine(line)
  }

  private rustMessage(line: string): boolean {
    if (!this.head.startsWith('thread')) this.expects = STACK
    else if (line.startsWith('note: ') || line.startsWith('stack backtrace:')) this.expects = RUST
    else if (++this.looseLines > PANIC_LINES_MAX) return false
    return !hasPrefix(line) && beginningOf(line) !== RUST_MESSAGE
  }

  private nodeError(line: string): boolean {
    if (isAtLine(line)) {
      this.expects = STACK
      this.isTrace = this.hasIndented = true
      return true
    }
    if (line.startsWith('Node.js v')) {
      this.expects = END
      return true
    }
    if (hasPrefix(line) && !namesException(line)) return false
    return ++this.looseLines <= LOOSE_LINES_MAX
  }
}
