import { readJava } from './java.ts'
import { behind, isForeign, ownName } from './paths.ts'
import { adopt, type Draft, draftOf, type Frame, frameOf, LINE_CHARACTERS_MAX, lineNumber } from './stack.ts'

// Printed newest first, and causes before what they caused:
//   [PHP Fatal error:  Uncaught ]Type: message in /path/file.php:N
//   Stack trace:
//   #0 /path/file.php(N): Class->method(arguments)
//   #1 [internal function]: function()
//   #2 {main}
//   <empty>
//   Next Type: message in /path/file.php:N
//   …
//     thrown in /path/file.php on line N
// A line says where the function that it names was called; where that function was is in the line before, for the first in the head.
const LEAD = /^(?:\[[^\]]{1,60}\] )?(?:(?:PHP )?(?:Fatal|Parse|Recoverable fatal) error: {1,2})?(?:Uncaught |Next )?(?:exception ')?/
const STEP =
  /^#\d{1,6} (?:(\{main\})|\[internal function\]: (.{0,4000})|(.{1,2000}?)\((\d{1,9})\)(?: : eval\(\)'d code\(\d{1,9}\))?: (.{0,4000}))$/
const EVAL = /\((\d{1,9})\) : (?:eval\(\)'d code|runtime-created function).{0,400}$/
const TYPE = /^[\p{L}_\\][\p{L}\p{N}_\\]{0,399}(?:@anonymous)?$/u

/** The place of what was called by PHP itself. */
const INTERNAL = '[internal]'

interface Step {
  readonly path: string
  readonly lineno: number | undefined
  /** What was called there. */
  readonly call: string
}

/** Reads what Throwable::__toString and getTraceAsString give, and uncaught exceptions print; and OpenTelemetry's own form, which is Java's. */
export function readPhp(lines: readonly string[]): Draft | null {
  if (!lines.some(isPhpStep)) return readJava(lines)
  let outermost: Draft | null = null
  let message: string[] = []
  for (let i = 0; i < lines.length; i++) {
    if (!isPhpStep(lines[i])) {
      message.push(lines[i])
      continue
    }
    const steps: Step[] = []
    for (; i < lines.length; i++) {
      const step = stepOf(lines[i])
      if (step === null) break
      steps.push(step)
    }
    i--
    const draft: Draft = exceptionOf(message, steps)
    message = []
    if (outermost !== null) adopt(draft, outermost, 'previous')
    outermost = draft
  }
  return outermost
}

export const isPhpStep = (line: string): boolean => line[0] === '#' && STEP.test(line)

function stepOf(line: string): Step | null {
  const step = line.length <= LINE_CHARACTERS_MAX ? STEP.exec(line) : null
  if (step === null) return null
  if (step[1] !== undefined) return { path: '', lineno: undefined, call: '{main}' }
  if (step[2] !== undefined) return { path: INTERNAL, lineno: undefined, call: nameOf(step[2]) }
  return { path: step[3], lineno: lineNumber(step[4]), call: nameOf(step[5]) }
}

function exceptionOf(above: readonly string[], steps: readonly Step[]): Draft {
  let end = above.length
  while (end > 0 && /^\s*(?:\[?[Ss]tack ?trace\]?:?)?\s*$/.test(above[end - 1])) end--
  let start = 0
  for (let i = 0; i < end; i++) {
    if (headOf(above[i].replace(LEAD, '')).type === '') continue
    start = i
    break
  }
  const text = above.slice(start, end).join('\n')
  const place = placeAt(text)
  const head = headOf(place.text.replace(LEAD, ''))
  const frames: Frame[] = []
  let { path, lineno } = place
  for (const step of steps) {
    if (frames.length > 0 || path !== '' || step.call !== '{main}') frames.push(phpFrame(path, lineno, step.call))
    path = step.path
    lineno = step.lineno
  }
  head.frames = frames.reverse()
  return head
}

/** `Type: message`, or as version 5 wrote it: `Type' with message 'message'`. */
function headOf(text: string): Draft {
  const old = /^([\w\\]{1,400})' with message '/.exec(text)
  if (old !== null) return draftOf(old[1], text.slice(old[0].length).replace(/'$/, ''))
  const colon = text.indexOf(': ')
  const name = colon < 0 ? text.trimEnd() : text.slice(0, colon)
  if (!TYPE.test(name)) return draftOf('', text)
  return draftOf(name, colon < 0 ? '' : text.slice(colon + 2))
}

// … in /path/file.php:N, at the end of the message
function placeAt(text: string): { text: string; path: string; lineno: number | undefined } {
  const at = text.lastIndexOf(' in ')
  const place = at < 0 || text.length - at > 2048 ? null : /^ in ([^\n]{1,1024}):(\d{1,9})$/.exec(text.slice(at))
  if (place === null) return { text, path: '', lineno: undefined }
  // Code that eval was given has lines of its own: the one that evaluates it is worth more.
  const made = EVAL.exec(place[1])
  if (made !== null) return { text: text.slice(0, at), path: place[1].slice(0, made.index), lineno: lineNumber(made[1]) }
  return { text: text.slice(0, at), path: place[1], lineno: lineNumber(place[2]) }
}

// Arguments begin at the first bracket that is not in the name of a closure: {closure:Class::method():12}.
function nameOf(call: string): string {
  let depth = 0
  for (let at = 0; at < call.length; at++) {
    if (call[at] === '{') depth++
    else if (call[at] === '}') depth--
    else if (call[at] === '(' && depth <= 0) return call.slice(0, at)
  }
  return call
}

function phpFrame(path: string, lineno: number | undefined, call: string): Frame {
  const closure = call.lastIndexOf('{')
  const arrow = call.lastIndexOf('->', closure < 0 ? call.length : closure)
  const colons = call.lastIndexOf('::', closure < 0 ? call.length : closure)
  const cut = Math.max(arrow, colons)
  const slash = cut < 0 ? call.lastIndexOf('\\', closure < 0 ? call.length : closure) : -1
  const module = cut > 0 ? call.slice(0, cut) : slash > 0 ? call.slice(0, slash) : undefined
  const called = cut > 0 ? call.slice(cut + 2).replace(/^.*\\(?=\{)/, '') : slash > 0 ? call.slice(slash + 1) : call
  const isOwn = path !== INTERNAL && !isForeign(path)
  return frameOf(isOwn, {
    function: called.replace(/:\d{1,9}\}$/, '}'),
    module,
    filename: behind(path, '/vendor/') ?? ownName(path),
    abs_path: path === INTERNAL ? undefined : path,
    lineno
  })
}
