// What the lines of stack traces look like, language by language, each told from its own text alone.
import { isDigit, isLetter } from './line-prefix.ts'

const SPACE = 32
const TAB = 9
const COLON = 58

/** How many blanks the line begins with. */
export function indentOf(line: string): number {
  let at = 0
  for (let code = line.charCodeAt(0); code === SPACE || code === TAB; code = line.charCodeAt(at)) at++
  return at
}

/** Nothing, or nothing but blanks. */
export function isBlank(line: string): boolean {
  return line.charCodeAt(0) > SPACE ? false : line.trim() === ''
}

const PYTHON_HEADER = '(most recent call last):'

/** `Traceback (most recent call last):`, whatever stands before it. */
export function isPythonHeader(line: string): boolean {
  return line.charCodeAt(line.length - 1) === COLON && line.endsWith(PYTHON_HEADER) && line.includes('Traceback ')
}

export const isGroupHeader = (line: string): boolean => isPythonHeader(line) && line.includes('+ Exception Group Traceback ')

// Words that end in a colon at the start of a line and are levels of a logger.
const NO_EXCEPTION = /^(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL)$/

/** The last line of a Python traceback: `ValueError: bad`, `KeyboardInterrupt`, `torch.OutOfMemoryError: CUDA out of memory`. */
export function isPythonException(line: string, from: number): boolean {
  let end = from
  for (; end < line.length; end++) {
    const code = line.charCodeAt(end)
    // Letters, digits, _ and dots; < and > of <locals>.
    if (!(isLetter(code) || isDigit(code) || code === 95 || code === 46 || code === 60 || code === 62 || code > 127)) break
  }
  if (end === from || isDigit(line.charCodeAt(from))) return false
  if (end < line.length && !(line.charCodeAt(end) === COLON && (end + 1 === line.length || line.charCodeAt(end + 1) === SPACE)))
    return false
  return !NO_EXCEPTION.test(line.slice(from, end))
}

/** What stands between two chained tracebacks of Python. */
export function isPythonChain(line: string): boolean {
  return (
    line.includes('During handling of the above exception, another exception occurred:') ||
    line.includes('The above exception was the direct cause of the following exception:')
  )
}

// PyTorch writes these below the message of an error of CUDA or C++, as part of the message.
const TORCH =
  /^(?:CUDA kernel errors might|For debugging consider|Compile with `TORCH_|Device-side assert|Search for `cuda|Exception raised from |frame #\d+: |C\+\+ CapturedTraceback:|HIP kernel errors might|Last error:|ncclSystemError:|ncclInternalError:|ncclUnhandledCudaError:|ncclRemoteError:)/

export const isTorchLine = (line: string): boolean => TORCH.test(line)

const EXCEPTION_WORDS = ['Error', 'Exception', 'Throwable', 'Warning'] as const

/** Names an exception, with what it says behind it: `TypeError: x`, `Exception in thread "main"`, `AssertionError [ERR_ASSERTION]: x`, `(RuntimeError)`. */
export function namesException(line: string): boolean {
  for (let i = 0; i < EXCEPTION_WORDS.length; i++) {
    const word = EXCEPTION_WORDS[i]
    let at = line.indexOf(word)
    for (let tries = 0; at >= 0 && tries < 4; tries++) {
      const end = at + word.length
      const next = line[end]
      if (next === undefined || next === ':' || next === ')') return true
      if (next === ' ' && (line[end + 1] === '[' || line[end + 1] === '(' || line[end + 1] === '{')) return true
      at = line.indexOf(word, end)
    }
  }
  return line.startsWith('Exception in thread ') || line.startsWith('Uncaught')
}

const EXCEPTION_HEAD =
  /^(?:Exception in thread "[^"]*" )?(?:[A-Za-z_$][\w$]*[.\\/])*[\w$]*(?:Error|Exception|Throwable|Failure|Fault)(?: \[\w+\]| \([^)]*\))?(?::|$| \{)/

/** Begins with the name of an exception; with its package where `dotted`. */
export function isExceptionHead(line: string, dotted: boolean): boolean {
  if (!isLetter(line.charCodeAt(0)) || line.length > 100_000) return false
  const head = line.length > 256 ? line.slice(0, 256) : line
  if (!EXCEPTION_HEAD.test(head)) return false
  const colon = head.indexOf(':')
  const dot = head.indexOf('.')
  return !dotted || (dot > 0 && (colon < 0 || dot < colon))
}

/** `\tat com.example.Foo.bar(Foo.java:1)`, `    at main (file.js:1:2)`, `   at Foo.Bar() in x.cs:line 3`. */
export function isAtLine(line: string): boolean {
  const indent = indentOf(line)
  return indent > 0 && (line.startsWith('at ', indent) || line.startsWith('eval at ', indent))
}

// What may follow the lines of a trace at the first column.
const STACK_LINES = [
  'Caused by:',
  'Suppressed:',
  '--- End of ',
  '--- previous ',
  'Stack trace:',
  'Stacktrace:',
  'Stack backtrace:',
  'Stack (most recent call last):',
  'stack backtrace:',
  'Thrown at:',
  "Emitted '",
  '(Use `node ',
  '[stacktrace]',
  '<asynchronous suspension>'
]
// Words that other lines begin with too, unless it is clear that a trace is there.
const STACK_LINES_ONLY = ['Backtrace:', 'Location:', '"} ', 'Next ']

/** `Caused by: …` and its like, which stand at the first column and are never the beginning. */
export function isStackLine(line: string, inTrace: boolean): boolean {
  if (inTrace) for (let i = 0; i < STACK_LINES_ONLY.length; i++) if (line.startsWith(STACK_LINES_ONLY[i])) return true
  if (line[0] === '#') return isDigit(line.charCodeAt(1))
  for (let i = 0; i < STACK_LINES.length; i++) if (line.startsWith(STACK_LINES[i])) return true
  return false
}

/** `app/x.rb:12:in 'run'` */
export function isRubyFrame(line: string): boolean {
  const at = line.indexOf('.rb:')
  return at > 0 && isDigit(line.charCodeAt(at + 4)) && line.includes(':in ', at)
}

/** The same with the exception behind it, which is where a trace of Ruby begins. */
export const isRubyHead = (line: string): boolean => isRubyFrame(line) && line.endsWith(')')

/** What closes something that was opened lines before: `}`, `})`, `],` */
export function isCloser(line: string): boolean {
  const first = line[0]
  return (first === '}' || first === ']' || first === ')') && line.trimEnd().length <= 4
}

// Without a blank, a dot inside: main.main, github.com/x/y.(*Server).Serve
const GO_NAME = /^[\w./@*()~%-]{3,512}$/

export const isGoName = (line: string): boolean => line.includes('.') && isLetter(line.charCodeAt(0)) && GO_NAME.test(line)

/** `main.run(0x1, {0x2, 0x3})`: a function and its arguments. */
export function isGoCall(line: string): boolean {
  const last = line[line.length - 1]
  if (last !== ')' && last !== '}') return false
  const open = line.indexOf('(')
  const blank = line.indexOf(' ')
  return open > 0 && (blank < 0 || blank > open)
}

const GO_LINES = [
  'goroutine ',
  '[signal ',
  'created by ',
  'runtime stack:',
  '...additional frames elided...',
  'exit status ',
  '[recovered]',
  'PC=',
  'runtime: ',
  'signal arrived '
]
const REGISTER = /^[a-z][a-z0-9]{1,5} +0x[0-9a-f]+$/

export function isGoLine(line: string): boolean {
  for (let i = 0; i < GO_LINES.length; i++) if (line.startsWith(GO_LINES[i])) return true
  return isGoCall(line) || REGISTER.test(line)
}

/** `goroutine 1 [running]:` */
export function isGoroutine(line: string): boolean {
  return line.startsWith('goroutine ') && isDigit(line.charCodeAt(10)) && line.includes('[')
}

// C and C++: what ends a process from inside, in the words of its runtime, of glog and of the sanitizers.
const NATIVE_LINES = /^(?:terminate called|\*\*\* |PC: @|#\d+ |==\d+==|frame #\d+|what\(\):|Exception raised from |SUMMARY: )/

export const isNativeLine = (line: string): boolean => NATIVE_LINES.test(line)

const FAULT_LINES = /^(?:Fatal Python error: |Python runtime state: |Current thread|Thread 0x|Extension modules: |Stack \(most recent|<)/

/** Python's faulthandler. */
export const isFaultLine = (line: string): boolean => FAULT_LINES.test(line)

/** Where Node.js says that an uncaught error was thrown, alone on its line: `/app/x.js:12`, `file:///app/x.mjs:12`, `node:internal/x:1`. */
export function isNodePlace(line: string): boolean {
  const last = line.length - 1
  if (!isDigit(line.charCodeAt(last)) || line.length > 4096) return false
  const first = line[0]
  if (first !== '/' && !line.startsWith('file://') && !line.startsWith('node:') && !line.startsWith('[eval') && !line.startsWith(':\\', 1))
    return false
  let at = last
  while (isDigit(line.charCodeAt(at))) at--
  return at > 0 && line.charCodeAt(at) === COLON
}

const CARETS = /^[ \t]*[\^~]+[ \t]*$/

export const isCaretLine = (line: string): boolean => line.length < 4096 && CARETS.test(line)

const PHP = /^PHP (?:Notice|Parse error|Fatal error|Warning|Deprecated|Recoverable fatal error):/

export const isPhpHead = (line: string): boolean => PHP.test(line) || (line.startsWith("exception '") && line.includes("' with message '"))
