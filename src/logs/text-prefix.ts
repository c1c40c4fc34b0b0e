import type { LogEntry, LogValue } from './log-entry.ts'
import { severityOf } from './severity.ts'
import { contextOf } from './trace-context.ts'

export type PutAttribute = (key: string, value: LogValue) => void

/** Behind a time: what separates it from what follows. */
const SEPARATOR = /[\]|,:]?[\s|]{0,8}(?:- )?/y
// Levels: in brackets, before a colon, a bar or a tab in any case, before a space in capitals.
const LEVEL =
  /(?:\[([A-Za-z]{1,12})\s{0,8}\]|\(([A-Za-z]{1,12})\)|([A-Za-z]{1,12})(?=\s{0,8}[:|\t]|\s{2})|([A-Z]{1,12}(?:[+-]\d{1,3})?)(?=[\s\]]|$))[\s|:\]]{0,8}(?:- )?/y
/** Capitals that stand at that place by chance more often than as a level. */
const SINGLE = /^[A-Z]$/
// gunicorn: [123] [INFO] msg; PostgreSQL: [123] LOG:  msg; logback: [main] INFO  logger - msg
const BRACKET_LEVEL = /\[([^\]\n]{1,128})\]\s{1,8}(?:\S{1,128}@\S{1,128} )?\[?([A-Za-z]{3,11})\]?(?=[\s:|])[\s:|]{0,8}/y
// Apache's error log: [core:error] [pid 123:tid 456] msg
const APACHE = /\[([\w-]{0,32}):([a-z]{4,6}\d?)\] (?:\[pid (\d{1,10})(?::tid (\d{1,20}))?\] )?/y
// Python's usual format: name - LEVEL - msg, or with spaces
const NAME_LEVEL = /([\w.$/-]{1,256})(?: - |\s{1,32})([A-Z]{4,8})(?: - |\s{1,16}|: ?)/y
// Spring: 123 --- [thread] logger : msg; since Boot 3 it may be [app] [thread] [trace-span], and blanks where there is no trace.
const SPRING = /(\d{1,10}) --- ((?:\[[^\]\n]{0,128}\] ){1,3})(\S{1,256})\s{0,64}: /y
const SPRING_TRACE = /^(?:[\da-f]{32}-[\da-f]{16}| *)$/
// OpenTelemetry's format for Python: [name] [file:line] [trace_id=… span_id=… resource.service.name=… trace_sampled=…] - msg
const OPENTELEMETRY =
  /\[([^\]\n]{1,128})\] \[([\w./-]{1,256}):(\d{1,9})\] \[trace_id=\w{1,40} span_id=\w{1,40}(?: resource\.service\.name=([^\s\]]{0,255}))?[^\]\n]{0,64}\] - /y
// loguru: module:function:line - msg
const LOGURU = /([\w.<>]{1,256}):([\w<>.]{1,256}):(\d{1,9}) - /y
// file.py:12] msg; [file.py:12] msg; file.py:12 -- msg
const PLACE = /\[?([\w./-]{1,256}\.[A-Za-z]{1,4}):(\d{1,9})(?:\] | -- |\t| - |: )/y
// [main] c.e.App - msg; [main] msg is left alone
const THREAD_LOGGER = /\[([^\]\n]{1,128})\]\s{1,8}([\w.$/-]{1,256})\s{0,64}(?: - |: )/y
const LOGGER = /([\w$-]{1,128}(?:(?:\.|::)[\w$<>-]{1,128}){1,16})(?:\s{1,40}- |: )/y
const SIMPLE_LOGGER = /([\w$.-]{1,128}) - /y
// Rust's env_logger, whose bracket ends behind the target: LEVEL target] msg
const TARGET = /([\w:$.-]{1,256})\] /y
// java.util.logging, on two lines: class method, then LEVEL: msg
const JAVA = /([\w.$]{1,256}) ([\w$<>]{1,128})\r?\n([A-Z]{4,7}): /y
// Lines of syslog daemons: host tag[pid]: msg
const SYSLOG = /([\w.-]{1,255}) ([\w./-]{1,64})(?:\[(\d{1,10})\])?: /y

const LOGGERS = [LOGGER, SIMPLE_LOGGER]
const LOGGERS_IN_BRACKETS = [TARGET, LOGGER, SIMPLE_LOGGER]

// zap's console with a named logger: name, file.go:12 and msg between tabs
const ZAP = /([^\s:]{1,128})\t([\w./@-]{1,256}\.go):(\d{1,9})\t/y

/** Reads what stands between a line's time, which ends at `at`, and its message: level, logger, thread, place. Returns where the message begins. */
export function describeLogger(text: string, at: number, entry: LogEntry, put: PutAttribute): number {
  SEPARATOR.lastIndex = at
  const start = SEPARATOR.test(text) ? SEPARATOR.lastIndex : at
  const level = levelAt(text, start, entry)
  if (level > 0) return readOrigin(text, level, entry, put)
  let found = execAt(BRACKET_LEVEL, text, start)
  if (found !== null && setLevel(found[2], entry)) {
    if (/^\d+$/.test(found[1])) put('process.pid', Number(found[1]))
    else put('thread.name', found[1])
    return readOrigin(text, BRACKET_LEVEL.lastIndex, entry, put)
  }
  found = execAt(APACHE, text, start)
  if (found !== null && setLevel(found[2], entry)) {
    if (found[1] !== '') put('logger.name', found[1])
    if (found[3] !== undefined) put('process.pid', Number(found[3]))
    if (found[4] !== undefined) put('thread.id', Number(found[4]))
    return APACHE.lastIndex
  }
  found = execAt(NAME_LEVEL, text, start)
  if (found !== null && setLevel(found[2], entry)) {
    put('logger.name', found[1])
    return NAME_LEVEL.lastIndex
  }
  found = execAt(JAVA, text, start)
  if (found !== null && setLevel(found[3], entry)) {
    put('logger.name', found[1])
    put('code.function.name', found[2])
    return JAVA.lastIndex
  }
  found = execAt(SYSLOG, text, start)
  // Only daemons write a date that begins with a letter, or a tag with a process behind it.
  if (found !== null && (found[3] !== undefined || /^[A-Z]/.test(text))) {
    put('host.name', found[1])
    entry.serviceName = found[2]
    if (found[3] !== undefined) put('process.pid', Number(found[3]))
    return SYSLOG.lastIndex
  }
  return start
}

function levelAt(text: string, at: number, entry: LogEntry): number {
  const found = execAt(LEVEL, text, at)
  if (found === null) return 0
  const word = found[1] ?? found[2] ?? found[3] ?? found[4]
  if (SINGLE.test(word) && found[4] !== undefined && !/[DIWEF]/.test(word)) return 0
  return setLevel(word, entry) ? LEVEL.lastIndex : 0
}

function readOrigin(text: string, at: number, entry: LogEntry, put: PutAttribute): number {
  let found = execAt(SPRING, text, at)
  if (found !== null) {
    put('process.pid', Number(found[1]))
    readSpring(found[2].slice(1, -2).split('] ['), entry, put)
    put('logger.name', found[3])
    return SPRING.lastIndex
  }
  found = execAt(OPENTELEMETRY, text, at)
  if (found !== null) {
    put('logger.name', found[1])
    put('code.file.path', found[2])
    put('code.line.number', Number(found[3]))
    if (found[4]) entry.serviceName = found[4]
    return OPENTELEMETRY.lastIndex
  }
  found = execAt(LOGURU, text, at)
  if (found !== null) {
    put('logger.name', found[1])
    put('code.function.name', found[2])
    put('code.line.number', Number(found[3]))
    return LOGURU.lastIndex
  }
  found = execAt(ZAP, text, at)
  if (found !== null) {
    put('logger.name', found[1])
    put('code.file.path', found[2])
    put('code.line.number', Number(found[3]))
    return ZAP.lastIndex
  }
  found = execAt(PLACE, text, at)
  if (found !== null) {
    put('code.file.path', found[1])
    put('code.line.number', Number(found[2]))
    return PLACE.lastIndex
  }
  found = execAt(THREAD_LOGGER, text, at)
  if (found !== null) {
    put('thread.name', found[1])
    put('logger.name', found[2])
    return THREAD_LOGGER.lastIndex
  }
  for (const pattern of text.charCodeAt(0) === 91 ? LOGGERS_IN_BRACKETS : LOGGERS) {
    found = execAt(pattern, text, at)
    if (found === null) continue
    put('logger.name', found[1])
    return pattern.lastIndex
  }
  return at
}

// The thread is in the last bracket but the trace's, and before it the name of the application.
function readSpring(brackets: readonly string[], entry: LogEntry, put: PutAttribute): void {
  let last = brackets.length - 1
  if (last > 0 && SPRING_TRACE.test(brackets[last])) {
    const context = contextOf('sentry', brackets[last])
    if (context !== null) {
      entry.traceId = context.traceId
      entry.spanId = context.spanId
    }
    last--
  }
  put('thread.name', brackets[last].trim())
  if (last > 0) entry.serviceName = brackets[last - 1].trim()
}

function execAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(text)
}

function setLevel(word: string, entry: LogEntry): boolean {
  const number = severityOf(word)
  if (number === 0) return false
  entry.severityNumber = number
  entry.severityText = word
  return true
}
