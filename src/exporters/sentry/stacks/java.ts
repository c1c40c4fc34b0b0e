import { adopt, type Draft, draftOf, type Frame, frameOf, indentOf, LINE_CHARACTERS_MAX, placeOf } from './stack.ts'

// Printed newest first, and what was caused before its causes; `... N more` are the N oldest frames of the trace that it stands in:
//   Exception in thread "main" package.Type: message
//   \tat [loader/][module@version/]package.Class.method(File.java:N)
//   \tSuppressed: package.Type: message
//   \t\tat …
//   Caused by: package.Type: message
//   \tat …
//   \t... N more
const THREAD = /^Exception in thread "[^"]{0,400}" /
const RELATED = /^(?:(Caused by|Wrapped by)|(Suppressed)): /
const COMMON = /^\.\.\. (\d{1,6}) (?:more|common frames omitted)$/
const TYPE = /^(?:[\p{L}_$][\p{L}\p{N}_$]*[./])*[\p{L}_$][\p{L}\p{N}_$]*$/u
const TYPE_CHARACTERS_MAX = 400
/** Frames that are put in again where a text says that they are shared: it may say so often. */
const RESTORED_MAX = 20_000
const FOREIGN =
  /^(?:java|javax|jakarta|jdk|sun|com\.sun|kotlin|kotlinx|_COROUTINE|scala|groovy|clojure|akka|reactor|rx|android|androidx|dalvik|feign|okhttp3|retrofit2|ch\.qos|com\.(?:fasterxml|google\.common|mongodb|mysql|netflix|zaxxer|rabbitmq)|io\.(?:grpc|ktor|lettuce|micrometer|micronaut|netty|opentelemetry|quarkus|reactivex|undertow|vertx)|net\.bytebuddy|org\.(?:apache|codehaus|eclipse|glassfish|hibernate|jboss|jetbrains|junit|postgresql|slf4j|springframework|testng))\./

/** Classes that frameworks make when a program runs. */
const GENERATED = /\$\$(?:Enhancer|FastClass|Spring)\w{0,40}CGLIB|(?:^|\.)\$Proxy\d|\$HibernateProxy\$|ByteBuddy\$/

/** An exception, how far right it stands, and its frames as printed, with those that it shares. */
interface Section {
  readonly indent: number
  readonly draft: Draft
  suppressed: number
}

/** Reads what Throwable.printStackTrace prints, and Logback, Log4j and OpenTelemetry for PHP after its model. */
export function readJava(lines: readonly string[]): Draft | null {
  const first = lines.findIndex((line) => isFrameLine(line))
  if (first < 0) return null
  const [start, root] = headAbove(lines, first)
  // Innermost last. Frames are put in as they are printed, and turned round at the end.
  const sections: Section[] = [{ indent: start < 0 ? 0 : indentOf(lines[start]), draft: root, suppressed: 0 }]
  const drafts = [root]
  let outermost = root
  let restored = 0
  let message: Draft | null = start < 0 ? null : root
  for (let i = start + 1; i < lines.length; i++) {
    const line = lines[i]
    const top = sections[sections.length - 1]
    const indent = indentOf(line)
    const frame = indent > 0 ? javaFrame(line, indent) : null
    if (frame !== null) {
      top.draft.frames.push(frame)
      message = null
      continue
    }
    const content = line.slice(indent, indent + LINE_CHARACTERS_MAX)
    const related = RELATED.exec(content)
    if (related !== null) {
      const text = line.slice(indent + related[0].length)
      if (text.startsWith('[CIRCULAR REFERENCE')) continue
      message = headOf(text)
      drafts.push(message)
      if (related[1] === 'Wrapped by') {
        // Logback, told to begin with the root cause.
        adopt(message, outermost, 'cause')
        outermost = message
        sections.length = 0
        sections.push({ indent, draft: message, suppressed: 0 })
      } else relate(sections, message, indent, related[2] !== undefined)
      continue
    }
    const common = COMMON.exec(content)
    if (common !== null) {
      const enclosing = sections.length > 1 ? sections[sections.length - 2].draft.frames : []
      const { frames } = top.draft
      for (let at = Math.max(0, enclosing.length - Number(common[1])); at < enclosing.length && restored < RESTORED_MAX; at++, restored++)
        frames.push(enclosing[at])
      message = null
    } else if (message !== null) message.value += `\n${line}`
    else if (indent === 0 && content.trim() !== '' && content[0] !== '<') break
  }
  for (const draft of drafts) {
    draft.value = draft.value.trim()
    draft.frames.reverse()
  }
  return outermost
}

// A cause stands as far right as what it caused, what was suppressed further right than that.
function relate(sections: Section[], draft: Draft, indent: number, isSuppressed: boolean): void {
  while (
    sections.length > 1 &&
    (isSuppressed ? sections[sections.length - 1].indent >= indent : sections[sections.length - 1].indent > indent)
  )
    sections.pop()
  const parent = sections[sections.length - 1]
  adopt(parent.draft, draft, isSuppressed ? `suppressed[${parent.suppressed++}]` : 'cause')
  sections.push({ indent, draft, suppressed: 0 })
}

const isFrameLine = (line: string): boolean => {
  const indent = indentOf(line)
  return indent > 0 && javaFrame(line, indent) !== null
}

// The head is the first line above the frames that begins as an exception does; the message may have lines of its own, and a log may stand above.
function headAbove(lines: readonly string[], first: number): [number, Draft] {
  for (let i = 0; i < first; i++) {
    const head = headOf(lines[i].slice(indentOf(lines[i])).replace(THREAD, ''))
    if (head.type !== '' && (head.module !== undefined || /(?:Exception|Error|Throwable|Failure|Death)$/.test(head.type))) return [i, head]
  }
  return first === 0 ? [-1, draftOf('', '')] : [first - 1, draftOf('', lines[first - 1])]
}

function headOf(line: string): Draft {
  const colon = line.indexOf(':')
  const name = (colon < 0 ? line : line.slice(0, colon)).trimEnd()
  if (name.length > TYPE_CHARACTERS_MAX || !TYPE.test(name)) return draftOf('', line)
  const dot = name.lastIndexOf('.')
  const draft = draftOf(name.slice(dot + 1), colon < 0 ? '' : line.slice(colon + 1))
  if (dot > 0) draft.module = name.slice(0, dot)
  return draft
}

/** `at package.Class.method(File.java:N)`, where `at` begins at `indent`; else null. */
export function javaFrame(line: string, indent: number): Frame | null {
  if (!line.startsWith('at ', indent) || line.length > LINE_CHARACTERS_MAX) return null
  // Behind the place, Logback and Log4j name the archive: `~[name.jar:version]`.
  const close = line.indexOf(')', indent)
  const open = line.lastIndexOf('(', close)
  if (close < 0 || open < indent + 4 || line[open - 1] === ' ') return null
  const tail = line.slice(close + 1)
  if (tail !== '' && !/^ ~?\[[^\]]{0,400}\]$/.test(tail)) return null
  const place = line.slice(open + 1, close)
  // Arguments of .NET have a blank between type and name.
  if (place === '' || /[/\\]/.test(place) || (/^[^.]* /.test(place) && !/^(?:Native Method|Unknown Source)$/.test(place))) return null
  const { module, method } = nameOf(line.slice(indent + 3, open))
  if (method === '' || method.includes(' ')) return null
  const isUnknown = place === 'Native Method' || place === 'Unknown Source' || !place.includes('.') || place.startsWith('<')
  const { path, line: lineno, column } = placeOf(place)
  if (column !== undefined) return null
  const isOwn = module === undefined || !(FOREIGN.test(`${module}.`) || GENERATED.test(module))
  return frameOf(isOwn, { function: method, module, ...(isUnknown ? {} : { filename: path, lineno }) })
}

// loader/module@version/package.Class$$Lambda$14/0x0000.method: slashes end the names of loaders and modules, and stand before addresses of lambdas.
function nameOf(name: string): { module: string | undefined; method: string } {
  const dot = name.lastIndexOf('.')
  const method = name.slice(dot + 1)
  if (dot < 1) return { module: undefined, method }
  let owner = name.slice(0, dot)
  const lambda = owner.indexOf('$$Lambda')
  owner = lambda > 0 ? owner.slice(0, lambda + 8) : owner.replace(/\/(?:0x[0-9a-f]{1,16}|\d{1,20})$/, '')
  return { module: owner.slice(owner.lastIndexOf('/') + 1), method }
}
