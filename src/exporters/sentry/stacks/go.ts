import { behind, isForeign, ownName } from './paths.ts'
import { adopt, type Draft, draftOf, type Frame, frameOf, LINE_CHARACTERS_MAX, placeOf } from './stack.ts'

// Printed newest first, the goroutine that failed before all others:
//   panic: message [recovered]
//   \tpanic: message
//   [signal SIGSEGV: …]
//   <empty>
//   goroutine N [running]:
//   module/package.(*Type).Function(0x…, …)
//   \t/path/file.go:N +0x1d
//   created by package.Function in goroutine N
//   \t/path/file.go:N +0x1d
const PANIC = /^(?:(?:.{0,200} )?http: )?panic(?: serving [^ ]{1,100})?: |^fatal error: /
const GOROUTINE = /^goroutine \d{1,20} (?:gp=\S{1,40} m=\S{1,40} (?:mp=\S{1,40} )?)?\[/
const RECOVERED = / \[recovered(?:, (?:repanicked|reraised))?\]$/
const SOURCE = /^\t\S.{0,2000}\.(?:go|s|c|cc|cpp):\d/
const FILE = /^\t\S/
// Raises panics, prints and records them.
const MACHINERY =
  /^(?:go\.opentelemetry\.io\/otel\/sdk\/trace\.(?:recordStackTrace|\(\*recordingSpan\)\.\w{1,40})|internal\/runtime\/\w{1,40}\.fatal|runtime\/debug\.(?:Stack|PrintStack)|runtime\.(?:gopanic|goexit|main|goPanic\w{0,40}|panic\w{0,40}|sigpanic|fatal|throw|newstack|morestack|fatalthrow|fatalpanic|Callers|doInit\d?))$/
const ROOTS = new Set(
  'archive bufio bytes cmp compress container context crypto database debug embed encoding errors expvar flag fmt go hash html image index internal io iter log maps math mime net os path plugin reflect regexp runtime slices sort strconv strings structs sync syscall testing text time unicode unique unsafe weak'.split(
    ' '
  )
)

/** Reads what a panic and debug.Stack print, of the first goroutine, and what pkg/errors and zap do. */
export function readGo(lines: readonly string[]): Draft | null {
  const goroutine = lines.findIndex((line) => GOROUTINE.test(line))
  return goroutine < 0 ? readErrors(lines) : readPanic(lines, goroutine)
}

function readPanic(lines: readonly string[], goroutine: number): Draft | null {
  const root = panicsAbove(lines, goroutine)
  const frames: Frame[] = []
  const panics: number[] = []
  for (let i = goroutine + 1; i + 1 < lines.length; i++) {
    const call = lines[i]
    if (call === '') break
    if (!FILE.test(lines[i + 1])) continue
    const name = nameOf(call)
    if (name === 'panic') panics.push(frames.length)
    frames.push(goFrame(name, lines[i + 1]))
    i++
  }
  if (frames.length === 0) return null
  // Above a call of panic stand those who print the stack. Of panics that differ, the last one is told of, of equal ones the first.
  const from = panics.length === 0 ? 0 : (root.children.length > 0 ? panics[0] : panics[panics.length - 1]) + 1
  root.frames = oldestFirst(frames, from)
  return root
}

// The panics that stand above each other: each was raised while the one before was handled. The last one is the outermost.
function panicsAbove(lines: readonly string[], goroutine: number): Draft {
  let current: Draft | null = null
  let isMessage = false
  for (let i = 0; i < goroutine; i++) {
    const line = lines[i].startsWith('\tpanic: ') ? lines[i].slice(1) : lines[i]
    const start = line.length <= LINE_CHARACTERS_MAX * 2 ? PANIC.exec(line) : null
    if (start !== null) {
      const message: string = line.slice(start[0].length).replace(RECOVERED, '')
      isMessage = true
      if (current !== null && current.value === message) continue
      const draft: Draft = draftOf(start[0].startsWith('fatal') ? 'fatal error' : 'panic', message)
      if (current !== null) adopt(draft, current, 'panic')
      current = draft
    } else if (line.startsWith('[signal ') || line.startsWith('goroutine ') || line.startsWith('runtime: ') || line === 'runtime stack:')
      isMessage = false
    else if (current !== null && isMessage) current.value += `\n${line[0] === '\t' ? line.slice(1) : line}`
  }
  if (current === null) return draftOf('', '')
  for (let each: Draft | undefined = current; each !== undefined; each = each.children[0])
    each.value = each.value.trimEnd().replace(RECOVERED, '')
  return current
}

// The root cause first: its message, its stack; then what each caller made of it, with a stack or without:
//   message
//   package.Function
//   \t/path/file.go:N
function readErrors(lines: readonly string[]): Draft | null {
  let outermost: Draft | null = null
  let message: string[] = []
  let frames: Frame[] = []
  const close = (): void => {
    if (frames.length === 0 && message.every((line) => line.trim() === '')) return
    const draft = draftOf('', message.join('\n').trim())
    draft.frames = oldestFirst(frames, 0)
    if (outermost !== null) adopt(draft, outermost, 'cause')
    outermost = draft
    message = []
    frames = []
  }
  let hasFrames = false
  for (let i = 0; i < lines.length; i++) {
    const isCall = i + 1 < lines.length && FILE.test(lines[i + 1]) && isName(lines[i]) && SOURCE.test(lines[i + 1])
    if (isCall) {
      frames.push(goFrame(nameOf(lines[i]), lines[i + 1]))
      hasFrames = true
      i++
    } else {
      if (frames.length > 0) close()
      message.push(lines[i])
    }
  }
  close()
  return hasFrames ? outermost : null
}

/** The lines that only Go prints. */
export const isGoLine = (line: string): boolean => (line[0] === '\t' ? SOURCE.test(line) : GOROUTINE.test(line))

const isName = (line: string): boolean => line.length <= LINE_CHARACTERS_MAX && /^[\w.~%-][^\s]{0,4000}/.test(line) && line.includes('.')

/** `created by package.Function in goroutine 1`, `package.(*Type).Function(0x1, {0x2, 0x3})` without what is not the name. */
function nameOf(call: string): string {
  if (call.length > LINE_CHARACTERS_MAX) return call.slice(0, 200)
  if (call.startsWith('created by ')) return call.slice(11).replace(/ in goroutine \d{1,20}$/, '')
  if (!call.endsWith(')')) return call
  let depth = 0
  for (let at = call.length - 1; at > 0; at--) {
    if (call[at] === ')') depth++
    else if (call[at] === '(' && --depth === 0) return call.slice(0, at)
  }
  return call
}

function goFrame(name: string, file: string): Frame {
  const end = file.lastIndexOf(' +0x')
  const { path, line } = placeOf((end < 0 ? file : file.slice(0, end)).trim())
  // The path of a package may have dots and slashes; behind its last slash the first dot ends it.
  const bracket = name.indexOf('[')
  const dot = name.indexOf('.', name.lastIndexOf('/', bracket < 0 ? name.length : bracket) + 1)
  const module = dot < 0 ? undefined : name.slice(0, dot).replaceAll('%2e', '.')
  const called = dot < 0 ? name : name.slice(dot + 1)
  const isStandard = name === 'panic' || isStandardLibrary(module, path)
  const filename =
    behind(path, '/pkg/mod/') ?? behind(path, '/vendor/') ?? (isStandard ? behind(path, '/src/') : undefined) ?? ownName(path)
  return frameOf(!isStandard && !isForeign(path), {
    function: called,
    module: module && (behind(module, '/vendor/') ?? module),
    filename,
    abs_path: path,
    lineno: line
  })
}

function isStandardLibrary(module: string | undefined, path: string): boolean {
  if (path.startsWith('_cgo') || module === undefined || module === 'runtime') return true
  const root = firstPart(module)
  return ROOTS.has(root) && (ROOTS.has(firstPart(behind(path.replaceAll('\\', '/'), '/src/') ?? '')) || path.startsWith(`${root}/`))
}

function firstPart(path: string): string {
  const slash = path.indexOf('/')
  return slash < 0 ? path : path.slice(0, slash)
}

// `from`: those above it are not of the program, nor is what raises the panic.
function oldestFirst(frames: readonly Frame[], from: number): Frame[] {
  let start = from < frames.length ? from : 0
  while (start + 1 < frames.length && MACHINERY.test(`${frames[start].module}.${frames[start].function}`)) start++
  return frames.slice(start).reverse()
}
