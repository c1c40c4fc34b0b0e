/** What is known of an exception; what is not is empty. */
export interface Exception {
  readonly type: string
  readonly message: string
  readonly stacktrace: string
}

/** Exceptions under OpenTelemetry's names. https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-logs/ */
export function putException({ type, message, stacktrace }: Exception, put: (key: string, value: string) => void): void {
  if (type !== '') put('exception.type', type)
  if (message !== '') put('exception.message', message)
  if (stacktrace !== '') put('exception.stacktrace', stacktrace)
}

const PYTHON = 'Traceback (most recent call last)'
const PYTHON_GROUP = '  + Exception Group Traceback (most recent call last)'
/** What Python writes of a script that it cannot read: a place, the line, a mark below it, and the error. */
const PYTHON_SYNTAX = /^ {2}File "[^"\n]{1,4096}", line \d{1,9}\n(?:[ \t][^\n]{0,4096}\n){0,4}(\w{1,64}Error): ([^\n]{0,4096})/
const FRAME = /\n[ \t]{1,64}at /
const GO = /(?:^|\n)(panic|fatal error): /
const RUST = /(?:^|\n)thread '[^'\n]{0,256}' (?:\(\d{1,20}\) )?panicked at /
const RUST_OLD = /^'([^\n]{0,4096})', ([^\s']{1,512}:\d{1,9}:\d{1,9})$/
const PHP = /PHP (?:Fatal error|Warning|Parse error|Notice): {1,2}Uncaught ([\w\\]{1,256}): /
const RUBY = /^[^\n:]{1,512}:\d{1,9}:in [^\n]{1,512}?: ([^\n]{0,4096}) \(([\w:]{1,256})\)\n\s{1,16}(?:\d{1,6}: )?from /

const TYPE_NAME = /^[A-Za-z_$][\w$.]{0,255}$/
const TYPE_ENDS = /(?:Error|Exception|Throwable|Failure|Fault|Interrupt|Exit|Warning|Panic|Iteration)$/
/** Where .NET and Rust's anyhow go on with what the exception came from: that is no part of its message. */
const CAUSE = /\s{1,64}---> (?:\(Inner Exception #\d{1,6}\) )?[A-Za-z_][\w.+`]{0,255}(?:Exception|Error)\b|\r?\n\r?\nCaused by:\r?\n/
const CODE_BEHIND = / \[[\w-]{1,64}\]$/
/** Colons with a space behind that are looked at in a line, for a type before one of them. */
const HEADS_MAX = 8
/** Lines above the frames that are looked at for the head. */
const HEAD_LINES_MAX = 50
const TYPE_CHARACTERS_MAX = 400
const MESSAGE_CHARACTERS_MAX = 16_384

/** Finds a stack trace of Python, Java, JavaScript, .NET, Go, Rust, Ruby or PHP in a text of several lines; null where there is none. */
export function describeText(text: string): Exception | null {
  if (text.includes(PYTHON)) return describePython(text)
  if (text.includes(' panicked at ')) {
    const rust = describeRust(text)
    if (rust !== null) return rust
  }
  if (!text.includes('\n')) return null
  const syntax = text.startsWith('  File "') ? PYTHON_SYNTAX.exec(text) : null
  if (syntax !== null) return { type: syntax[1], message: syntax[2].trimEnd(), stacktrace: text }
  const frame = FRAME.exec(text)
  if (frame !== null) return describeFrames(text, frame.index)
  const go = GO.exec(text)
  if (go !== null && text.includes('\ngoroutine ')) {
    const start = go.index + (text[go.index] === '\n' ? 1 : 0)
    return { type: go[1], message: lineAt(text, go.index + go[0].length), stacktrace: text.slice(start) }
  }
  if (text.includes('PHP ')) {
    const php = PHP.exec(text)
    if (php !== null) {
      const said = lineAt(text, php.index + php[0].length)
      const place = said.lastIndexOf(' in ')
      return { type: php[1], message: place < 0 ? said : said.slice(0, place), stacktrace: text.slice(php.index) }
    }
  }
  const ruby = text.includes('from ') ? RUBY.exec(text) : null
  return ruby && { type: ruby[2], message: ruby[1], stacktrace: text }
}

/** `Type: message` as its two parts; all of it as the message where it does not begin with a type. */
export function splitHead(line: string): Exception {
  const head = headOf(line)
  return { type: head?.type ?? '', message: head?.message ?? line, stacktrace: '' }
}

// The last traceback is the exception that got out: what it came from stands above it. Groups stand the other way round, and indented.
function describePython(text: string): Exception {
  const group = text.indexOf(PYTHON_GROUP)
  const first = text.indexOf(PYTHON)
  const begins = group >= 0 && group < first ? group : text.lastIndexOf('\n', first) + 1
  // On one line with the prefix of a log, the traceback begins behind it.
  const start =
    group >= 0 && group < first
      ? group
      : /^[\s|]*$/.test(text.slice(begins, Math.min(first, begins + 64))) && first - begins < 64
        ? begins
        : first
  const from = group >= 0 && group < first ? first : text.lastIndexOf(PYTHON)
  const stacktrace = text.slice(start)
  let at = text.indexOf('\n', from)
  while (at >= 0) {
    const end = text.indexOf('\n', at + 1)
    let line = text.slice(at + 1, end < 0 ? text.length : end)
    if (group >= 0 && line.startsWith('  | ')) line = line.slice(4)
    if (line !== '' && line !== '\r' && !/^[\s|+]|^> File "/.test(line)) {
      const colon = line.indexOf(':')
      const type = (colon < 0 ? line : line.slice(0, colon)).trim()
      if (!TYPE_NAME.test(type)) break
      if (colon < 0) return { type, message: '', stacktrace }
      const rest = group >= 0 ? line.slice(colon + 1) : text.slice(at + 1 + colon + 1)
      return { type, message: shortened(rest.trim()), stacktrace }
    }
    at = end
  }
  return { type: '', message: '', stacktrace }
}

// Java, JavaScript, .NET: lines that begin with `at`, and above them the type and a message that may have lines of its own.
function describeFrames(text: string, frames: number): Exception {
  let start = 0
  for (let lines = 0; start < frames && lines < HEAD_LINES_MAX; lines++) {
    let end = text.indexOf('\n', start)
    if (end < 0 || end > frames) end = frames
    const head = headOf(text.slice(start, end))
    if (head !== null) {
      const below = text.slice(end, frames)
      const stacktrace = text.slice(start + head.at)
      return { type: head.type, message: withoutCause(shortened(`${head.message}${below}`)).trimEnd(), stacktrace }
    }
    start = end + 1
  }
  const above = text.lastIndexOf('\n', frames - 1) + 1
  return { type: '', message: shortened(text.slice(above, frames).trim()), stacktrace: text }
}

function withoutCause(message: string): string {
  const cause = CAUSE.exec(message)
  return cause === null ? message : message.slice(0, cause.index)
}

// The type is the last word before a colon, if it is named as types of errors are.
function headOf(line: string): { readonly type: string; readonly message: string; readonly at: number } | null {
  let from = 0
  for (let heads = 0; heads < HEADS_MAX; heads++) {
    const colon = line.indexOf(': ', from)
    const end = colon < 0 ? line.trimEnd().length : colon
    const begin = Math.max(from, end - TYPE_CHARACTERS_MAX)
    const before = line.slice(begin, line[end - 1] === ':' ? end - 1 : end).replace(CODE_BEHIND, '')
    const word = before.slice(before.lastIndexOf(' ') + 1)
    if (TYPE_NAME.test(word) && TYPE_ENDS.test(word)) {
      return { type: word, message: colon < 0 ? '' : line.slice(colon + 2), at: begin + before.length - word.length }
    }
    if (colon < 0) return null
    from = colon + 2
  }
  return null
}

// thread 'main' panicked at src/main.rs:2:5: then the message on lines of its own; before 1.73 it stood in quotes before the place.
function describeRust(text: string): Exception | null {
  const found = RUST.exec(text)
  if (found === null) return null
  const start = found.index + (text[found.index] === '\n' ? 1 : 0)
  const head = lineAt(text, found.index + found[0].length)
  const stacktrace = text.slice(start)
  const old = RUST_OLD.exec(head)
  if (old !== null) return { type: 'panic', message: old[1], stacktrace }
  const below = text.slice(found.index + found[0].length + head.length + 1)
  const end = /\n?(?:note: |stack backtrace:)/.exec(below)
  return { type: 'panic', message: shortened((end === null ? below : below.slice(0, end.index)).trim()), stacktrace }
}

function lineAt(text: string, start: number): string {
  const end = text.indexOf('\n', start)
  return (end < 0 ? text.slice(start) : text.slice(start, end)).trimEnd()
}

function shortened(message: string): string {
  return message.length > MESSAGE_CHARACTERS_MAX ? message.slice(0, MESSAGE_CHARACTERS_MAX) : message
}
