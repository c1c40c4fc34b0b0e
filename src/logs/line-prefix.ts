// What stands before the message on a line of text, as far as it tells where a record begins and whose it is.

const OPEN_BRACKET = 91
const OPEN_PAREN = 40
const RANK_LENGTH_MAX = 64

/**
 * Where the mark of one of several processes ends that write to the same stream, with the blank that belongs to it; 0 where there is none. So mark their lines
 * PyTorch `[rank3]: `, torchrun `[default0]:`, mpirun `[1,3]<stderr>:`, and vLLM and Ray `(EngineCore_0 pid=272) `.
 */
export function rankEnd(line: string): number {
  const first = line.charCodeAt(0)
  if (first === OPEN_BRACKET) return bracketedRankEnd(line)
  if (first !== OPEN_PAREN) return 0
  const end = line.indexOf(') ')
  if (end < 0 || end > RANK_LENGTH_MAX) return 0
  const pid = line.indexOf(' pid=')
  return pid > 0 && pid < end && isDigit(line.charCodeAt(pid + 5)) ? end + 2 : 0
}

function bracketedRankEnd(line: string): number {
  let at = 1
  while (at < 12 && isLetter(line.charCodeAt(at))) at++
  const digits = at
  while (at < digits + 10 && (isDigit(line.charCodeAt(at)) || line[at] === ',')) at++
  if (at === digits || line[at] !== ']') return 0
  at++
  // `[0]:` alone is somebody's list.
  if (digits === 1 && line[at] !== '<') return 0
  if (line[at] === '<') at = line.indexOf('>', at) + 1
  if (at === 0 || at > RANK_LENGTH_MAX || line[at] !== ':') return 0
  // PyTorch alone puts a blank behind it; what follows the others may begin with blanks of its own.
  return line.startsWith('[rank') && line[at + 1] === ' ' ? at + 2 : at + 1
}

/**
 * Where the head of a logger ends that repeats it before every line of a message, as vLLM's `ERROR 08-14 12:00:00 [core.py:700] `; 0 where the line
 * has none such. It ends with a place in the source, in brackets or before one.
 */
export function headEnd(line: string): number {
  const end = line.indexOf('] ')
  if (end < 4 || end > 160 || !isDigit(line.charCodeAt(end - 1))) return 0
  let at = end - 1
  while (isDigit(line.charCodeAt(at))) at--
  return line[at] === ':' && at > 2 && isLetter(line.charCodeAt(at - 1)) ? end + 2 : 0
}

const LEVELS = new Set(
  'TRACE DEBUG DBG DBUG VERBOSE INFO INF INFORMATION NOTICE LOG WARN WARNING WRN ERROR ERR EROR FAIL SEVERE CRIT CRITICAL ALERT EMERG FATAL FTL'.split(
    ' '
  )
)
const DAYS_AND_MONTHS = new Set('Mon Tue Wed Thu Fri Sat Sun Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' '))
const LEVEL_LENGTH_MAX = 11

/** Whether the line begins as the lines of a logger do: with a time, a level, or something in brackets. */
export function hasPrefix(line: string): boolean {
  const first = line.charCodeAt(0)
  if (isDigit(first)) return beginsWithTime(line)
  if (first === OPEN_BRACKET) return line.length > 2 && line[1] !== ']'
  if (!isLetter(first)) return false
  let end = 1
  while (end <= LEVEL_LENGTH_MAX && isLetter(line.charCodeAt(end))) end++
  // klog and glog: E0814 12:00:00
  if (end === 1) return 'IWEFD'.includes(line[0]) && beginsWithDigits(line, 1, 4)
  if (end < 3 || end > LEVEL_LENGTH_MAX) return false
  const word = line.slice(0, end)
  const next = line.charCodeAt(end)
  if (end === 3 && next === 32 && DAYS_AND_MONTHS.has(word)) return true
  return (next === 58 || next === 32 || next === OPEN_BRACKET || next === 9 || next === 124) && LEVELS.has(word.toUpperCase())
}

const LEVEL =
  /\b(?:trace|debug|dbg|info|inf|information|notice|config|fine|finer|finest|(warn|warning|wrn)|(error|err|eror|fail|failure|severe|crit|critical|alert|emerg|fatal|ftl|exception))\b/i
const KLOG = /^(?:\[rank\d+\]:)?\[?(W|[EF])\d{4} /
const WARNING = 1
const ERROR = 2

/** Whether the first level that the line names is that of an error. */
export const isErrorLike = (line: string): boolean => levelOf(line) === ERROR

/** The same, or of a warning. */
export const isWarningLike = (line: string): boolean => levelOf(line) >= WARNING

function levelOf(line: string): number {
  const head = line.length > 200 ? line.slice(0, 200) : line
  const klog = KLOG.exec(head)?.[1]
  if (klog !== undefined) return klog === 'W' ? WARNING : ERROR
  const [, warning, error] = LEVEL.exec(head) ?? []
  if (error !== undefined) return ERROR
  return warning === undefined ? 0 : WARNING
}

const JAVA_UTIL_HEAD = /^[A-Z][a-z]{2} \d{1,2}, \d{4},? \d{1,2}:\d\d:\d\d\s[AP]M /
const JAVA_UTIL_LEVEL = /^(?:SEVERE|WARNING|INFO|CONFIG|FINE|FINER|FINEST): /

/** java.util.logging writes a time and a place on one line, and the level and the message on the next. */
export const isJavaUtilHead = (line: string): boolean => JAVA_UTIL_HEAD.test(line)
export const isJavaUtilMessage = (line: string): boolean => JAVA_UTIL_LEVEL.test(line)

// 2026-08-14, 2026/08/14, 20260814, 12:00:00, 14/Aug/2026, or seconds since 1970; no address, no plain number.
function beginsWithTime(line: string): boolean {
  let end = 1
  while (end < 14 && isDigit(line.charCodeAt(end))) end++
  if (end >= 8) return true
  const next = line[end]
  if (end === 4) return next === '-' || next === '/'
  if (end !== 2) return false
  return (next === ':' || next === '/' || next === '-') && !Number.isNaN(line.charCodeAt(end + 1))
}

function beginsWithDigits(line: string, from: number, count: number): boolean {
  for (let i = from; i < from + count; i++) if (!isDigit(line.charCodeAt(i))) return false
  return true
}

export function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

export function isLetter(code: number): boolean {
  const lower = code | 32
  return lower >= 97 && lower <= 122
}

const COLOURS = /\u001b\[[0-9;:]*m/g

/** The line without its colours. */
export function withoutColours(line: string): string {
  return line.includes('\u001b') ? line.replace(COLOURS, '') : line
}
