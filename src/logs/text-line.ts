import { accessLog } from './access-log.ts'
import type { LogEntry } from './log-entry.ts'
import { severityOf, severityOfSyslog } from './severity.ts'
import { describeLogger, type PutAttribute } from './text-prefix.ts'
import { TimeReader } from './timestamp.ts'
import { describeText, putException } from './traceback.ts'

const COLOUR = /\u001b\[[\d;?]{0,32}[A-Za-z]/g
/** torchrun and c10d: [rank0]: and [default0]:, vLLM: (EngineCore_0 pid=7) */
const RANK = /^\[(?:rank|default)(\d{1,6})\]:\s?/
const ENGINE = /^\(([\w ]{1,64}) pid=(\d{1,10})\) /
const PRIORITY = /^<([0-7])>/

// klog and glog: Lmmdd hh:mm:ss.uuuuuu TID file:line] msg; glog may write the year before the month, c10d the month without a zero, in brackets.
const KLOG =
  /^\[?([IWEF])(?:(\d{4})(\d\d)(\d\d)|(\d{1,2})(\d\d)) (\d\d:\d\d:\d\d\.\d{1,9})\s{1,8}(?:(\d{1,20})\s{1,8})?([\w./+-]{1,256}):(\d{1,9})\] ?/
const KLOG_WORDS: Readonly<Record<string, string>> = { I: 'INFO', W: 'WARNING', E: 'ERROR', F: 'FATAL' }
// klog's structured form: "msg" key="value" …
const KLOG_PAIRS = /^"((?:[^"\\\n]|\\.){0,8192})" (?=[^\s="]{1,256}=)/

// vLLM: INFO 08-14 12:00:00 [file.py:123] msg, before that without the first bracket.
const VLLM = /^([A-Z]{4,8}) (\d\d)-(\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,9})?) \[?([\w./-]{1,256}):(\d{1,9})\] /
// NCCL: host:pid:tid [gpu] NCCL LEVEL msg; for warnings the place in its source stands before NCCL, and newer ones begin with a time.
const NCCL = /^([\w.-]{1,255}):(\d{1,10}):(\d{1,10}) \[(\d{1,4})\] (?:([\w./-]{1,256}):(\d{1,9}) )?NCCL ([A-Z]{4,7}) /
// Python's logging without a format: LEVEL:logger:msg
const PYTHON = /^([A-Z]{4,8}):([\w.-]{1,256}):/
const LEVEL_FIRST = /^(?:\[([A-Za-z]{3,9})\s{0,6}\]|([A-Za-z]{3,9}):|([A-Z]{4,9})(?=[\s|]))[\s|:-]{0,8}/
// What dotnet's console puts behind the level: Category[0], and the message on the next line.
const DOTNET = /^([\w.]{1,256})\[(\d{1,9})\]\r?\n\s{0,16}/

/** What programs write at the head of a line: in brackets or before a colon in any case, in capitals before a space. `panic:` is a crash's own text. */
const LEVELS: ReadonlySet<string> = new Set(
  'trace trce debug dbug verbose silly http info notice warn warning error err fail crit critical fatal severe alert emerg emergency success'.split(
    ' '
  )
)
/** In capitals before a space they are words of a sentence as often. */
const NEVER_BARE: ReadonlySet<string> = new Set(['HTTP', 'FAIL', 'VERBOSE', 'SILLY'])

const time = new TimeReader()
/** A time stood at the head of this line that is ahead of the clock. */
let isTimeLeft = false

/**
 * Reads what a line of text says before its message, in the ways of many loggers; what is no such head stays in the body. True where the head has left the
 * body and its time is not in the entry, since it is too far ahead.
 */
export function readText(line: string, entry: LogEntry, put: PutAttribute): boolean {
  isTimeLeft = false
  let text = line.includes('\u001b') ? line.replace(COLOUR, '') : line
  const first = text.charCodeAt(0)
  if (first === 91 || first === 40 || first === 60) text = readLead(text, entry, put)
  const exception = describeText(text)
  // What is a stack trace from its first character on has no head: `Error: ` is no level there.
  const at = exception !== null && exception.stacktrace.length === text.length ? 0 : readHead(text, entry, put)
  entry.body = at === 0 ? text : text.slice(at)
  if (exception === null) return isTimeLeft
  putException(exception, put)
  if (entry.severityNumber === 0) entry.severityNumber = 17
  return isTimeLeft
}

function readLead(text: string, entry: LogEntry, put: PutAttribute): string {
  const priority = PRIORITY.exec(text)
  if (priority !== null) {
    const [number, word] = severityOfSyslog(Number(priority[1]))
    entry.severityNumber = number
    entry.severityText = word
    text = text.slice(priority[0].length)
  }
  const rank = RANK.exec(text)
  if (rank !== null) {
    put('process.rank', Number(rank[1]))
    text = text.slice(rank[0].length)
  }
  const engine = ENGINE.exec(text)
  if (engine !== null) {
    put('process.title', engine[1])
    put('process.pid', Number(engine[2]))
    text = text.slice(engine[0].length)
  }
  return text
}

// Where the message begins.
function readHead(text: string, entry: LogEntry, put: PutAttribute): number {
  const unit = text.charCodeAt(0)
  const isBracket = unit === 91
  if (isBracket || unit === 73 || unit === 87 || unit === 69 || unit === 70) {
    const end = readKlog(text, entry, put)
    if (end > 0) return end
  }
  const start = isBracket ? 1 : 0
  if (time.at(text, start, entry.observedMs) || time.isAhead) {
    const end = time.end
    const behind = text.charCodeAt(end)
    if (end >= text.length || behind <= 32 || behind === 93 || behind === 124 || behind === 44 || behind === 58) {
      takeTime(entry)
      return readNccl(text, text[end] === ']' ? end + 2 : end + 1, entry, put) || describeLogger(text, end, entry, put)
    }
  }
  if (text.includes('] "') && accessLog.read(text, time, entry, put)) return 0
  return readNccl(text, 0, entry, put) || readLevel(text, entry, put)
}

function readKlog(text: string, entry: LogEntry, put: PutAttribute): number {
  const found = KLOG.exec(text)
  if (found === null) return 0
  const [head, letter, year, fullMonth, fullDay, month, day, clock, thread, file, line] = found
  const isDated = year !== undefined
  const isRead = isDated
    ? time.at(`${year}-${fullMonth}-${fullDay} ${clock}`, 0, entry.observedMs)
    : time.withoutYear(Number(month), Number(day), clock, entry.observedMs)
  if (!isRead && !time.isAhead) return 0
  takeTime(entry)
  const word = KLOG_WORDS[letter]
  setLevel(word, entry)
  if (thread !== undefined) put('thread.id', Number(thread))
  putPlace(file, line, put)
  return head.length
}

function readNccl(text: string, start: number, entry: LogEntry, put: PutAttribute): number {
  const at = text.indexOf('NCCL ', start)
  if (at < 0 || at - start > 600) return 0
  const found = NCCL.exec(start === 0 ? text : text.slice(start, at + 32))
  if (found === null || severityOf(found[7]) === 0) return 0
  const [head, host, pid, tid, gpu, file, line, word] = found
  setLevel(word, entry)
  put('host.name', host)
  put('process.pid', Number(pid))
  put('thread.id', Number(tid))
  put('gpu.index', Number(gpu))
  if (file !== undefined) putPlace(file, line, put)
  return start + head.length
}

function readLevel(text: string, entry: LogEntry, put: PutAttribute): number {
  const python = PYTHON.exec(text)
  if (python !== null && severityOf(python[1]) > 0) {
    setLevel(python[1], entry)
    put('logger.name', python[2])
    return python[0].length
  }
  const vllm = VLLM.exec(text)
  if (vllm !== null && severityOf(vllm[1]) > 0 && isVllmTime(vllm, entry)) {
    setLevel(vllm[1], entry)
    takeTime(entry)
    putPlace(vllm[5], vllm[6], put)
    return vllm[0].length
  }
  const found = LEVEL_FIRST.exec(text)
  if (found === null) return 0
  const word = found[1] ?? found[2] ?? found[3]
  const isLevel = found[3] === undefined ? LEVELS.has(word.toLowerCase()) : LEVELS.has(word.toLowerCase()) && !NEVER_BARE.has(word)
  if (!isLevel) return 0
  setLevel(word, entry)
  const rest = found[2] === undefined ? null : DOTNET.exec(text.slice(found[0].length, found[0].length + 512))
  if (rest === null) return found[0].length
  put('logger.name', rest[1])
  if (rest[2] !== '0') put('EventId', Number(rest[2]))
  return found[0].length + rest[0].length
}

function isVllmTime([, , month, day, clock]: RegExpExecArray, entry: LogEntry): boolean {
  return time.withoutYear(Number(month), Number(day), clock, entry.observedMs) || time.isAhead
}

// Clocks differ, and a time without a zone may be another country's: the rest of the head holds all the same.
function takeTime(entry: LogEntry): void {
  isTimeLeft = time.isAhead
  if (isTimeLeft) return
  entry.timeMs = time.ms
  entry.timeNanos = time.nanos
}

function setLevel(word: string, entry: LogEntry): void {
  entry.severityNumber = severityOf(word)
  entry.severityText = word
}

function putPlace(file: string, line: string, put: PutAttribute): void {
  put('code.file.path', file)
  put('code.line.number', Number(line))
}

/** klog's structured message, `"msg" key="value"`: how long it is with its quotes and the space behind; 0 where it is none. */
export function quotedMessage(text: string): number {
  return text.charCodeAt(0) === 34 ? (KLOG_PAIRS.exec(text)?.[0].length ?? 0) : 0
}
