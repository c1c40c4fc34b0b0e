import { baseName } from './paths.ts'
import { adopt, type Draft, draftOf, type Frame, frameOf, LINE_CHARACTERS_MAX, lineNumber } from './stack.ts'

// Printed newest first. The heads of the inner exceptions stand before all frames, the frames of the innermost before those of the outer ones:
//   Namespace.Type: message
//    ---> Namespace.Inner: message
//      at Namespace.Type.Method(Argument argument) in C:\path\file.cs:line N
//      --- End of inner exception stack trace ---
//      at Namespace.Type.Method()
//   --- End of stack trace from previous location ---
//    ---> (Inner Exception #1) Namespace.Type: message
//      at …<---
// All words of it follow the language of the machine.
const AT = /^(?:at|bei|en|à|in|em|w|v|в|в\.|vid|ved|a|konum|場所|在|於|위치:|위치) /u
const IN = / (?:in|en|dans|na|w|v|в|i|konum|場所|位置|于|於|파일) (?=[A-Za-z]:\\|\/|<|\\\\)/u
const LINE = /:(?:[\p{L}.]{1,20} ?)?(\d{1,9})(?:[ .].{0,8})?$/u
const SEAM = /^\s*---? .{3,200} ---?$/
const MEMBER = /^\(.{3,60} #(\d{1,6})\) /
const TYPE = /^(?:[\p{L}_][\p{L}\p{N}_]*[.+])*[\p{L}_][\p{L}\p{N}_`]*(?:\[.{1,400}\])?(?: \(0x[0-9A-Fa-f]{8}\))?$/u
// Names that the compiler makes.
const MACHINE = /^<(.{1,400})>(?:d|c__async)(?:__)?\d{0,9}(?:`\d{1,3})?$/
const CLOSURE = /[.+]<>c(?:__DisplayClass\w{1,40})?(?:`\d{1,3})?$/
const LAMBDA = /^<(.{1,400})>(?:[bm]__[\w|]{1,40}|g__(\w{1,200})\|\w{1,40})$/
const WRAPPER = /^\(wrapper [\w-]{1,40}\) /
const FOREIGN =
  /^(?:System|Microsoft|Mono|Interop|Internal|MS|Windows|Grpc|Google|Azure|Amazon|OpenTelemetry|Npgsql|Newtonsoft|Serilog|NLog|log4net|Polly|MassTransit|RabbitMQ|StackExchange|MongoDB|MySqlConnector|Dapper|Castle|Autofac|Xunit|NUnit|MediatR|AutoMapper|FluentValidation|Quartz|Hangfire|Confluent|FSharp)\./i

/** Reads what Exception.ToString gives, in .NET, .NET Framework and Mono. */
export function readDotnet(lines: readonly string[]): Draft | null {
  const first = lines.findIndex((line) => dotnetFrame(line) !== null)
  if (first < 0) return null
  const reader = new ExceptionReader()
  const start = headIndex(lines, first)
  for (let i = Math.max(start, 0); i < lines.length; i++) reader.take(lines[i])
  return reader.end()
}

function headIndex(lines: readonly string[], first: number): number {
  for (let i = 0; i < first; i++) {
    const head = headOf(withoutLead(lines[i].split(' ---> ', 1)[0]))
    if (head.type.includes('.') || /(?:Exception|Error)$/.test(head.type)) return i
  }
  return first - 1
}

const withoutLead = (line: string): string => line.replace(/^Unhandled exception[.:] ?/i, '')

class ExceptionReader {
  /** The outermost first; frames belong to the last. */
  private readonly stack: Draft[] = []
  private readonly drafts: Draft[] = []
  private open: Draft | null = null

  take(line: string): void {
    const ends = line.endsWith('<---')
    const content = ends ? line.slice(0, -4) : line
    const frame = dotnetFrame(content)
    if (frame !== null) this.top().frames.push(frame)
    else this.takeOther(content)
    if (frame !== null || ends) this.open = null
    if (ends && this.stack.length > 1) this.stack.pop()
  }

  end(): Draft {
    for (const draft of this.drafts) {
      draft.value = draft.value.trim()
      draft.frames.reverse()
    }
    return this.stack[0]
  }

  private top(): Draft {
    if (this.stack.length === 0) this.push(draftOf('', ''))
    return this.stack[this.stack.length - 1]
  }

  private push(draft: Draft): void {
    this.stack.push(draft)
    this.drafts.push(draft)
    this.open = draft
  }

  private takeOther(line: string): void {
    if (SEAM.test(line) && line.length < 256) {
      // Indented, it is the end of an inner exception; else an await continued here.
      if (/^\s/.test(line) && this.stack.length > 1) this.stack.pop()
      this.open = null
    } else if (this.stack.length === 0) this.takeHeads(withoutLead(line))
    else if (/^\s*---> /.test(line)) this.takeHeads(line.trimStart())
    else if (this.open !== null) this.takeMessage(line)
  }

  // The last line of a message may go on with the inner exception.
  private takeMessage(line: string): void {
    const arrow = line.indexOf(' ---> ')
    if (this.open !== null) this.open.value += `\n${arrow < 0 ? line : line.slice(0, arrow)}`
    if (arrow >= 0) this.takeHeads(line.slice(arrow + 1))
  }

  // One or more heads on a line: `Type: message ---> Type: message`.
  private takeHeads(line: string): void {
    const heads = line.split('---> ')
    for (let i = 0; i < heads.length; i++) {
      const text = heads[i].trim()
      if (text === '' && i === 0) continue
      const member = MEMBER.exec(text)
      if (member !== null) this.takeMember(headOf(text.slice(member[0].length)), Number(member[1]))
      else {
        const draft = headOf(text)
        if (this.stack.length > 0) adopt(this.top(), draft, 'InnerException')
        this.push(draft)
      }
    }
  }

  // The first member of an AggregateException is its inner exception as well, and may come twice.
  private takeMember(draft: Draft, number: number): void {
    const group = this.top()
    group.isGroup = true
    const inner = group.children.find((each) => each.source === 'InnerException')
    if (inner !== undefined) inner.source = 'InnerExceptions[0]'
    const isTwin = number === 0 && inner !== undefined && inner.type === draft.type
    if (!isTwin) adopt(group, draft, `InnerExceptions[${number}]`)
    this.push(draft)
  }
}

function headOf(line: string): Draft {
  const colon = line.indexOf(':')
  const name = (colon < 0 ? line : line.slice(0, colon)).trim()
  if (name.length > 512 || !TYPE.test(name)) return draftOf('', line)
  return draftOf(name.replace(/ \(0x[0-9A-Fa-f]{8}\)$/, ''), colon < 0 ? '' : line.slice(colon + 1).trim())
}

/** `   at Namespace.Type.Method(Argument argument) in path:line N`, in whatever language the machine speaks; else null. */
export function dotnetFrame(line: string): Frame | null {
  if (line.charCodeAt(0) !== 32 || line.length > LINE_CHARACTERS_MAX) return null
  const content = line.trim()
  const at = AT.exec(content)
  const open = at === null ? -1 : content.indexOf('(', content.startsWith('(wrapper ', at[0].length) ? at[0].length + 1 : at[0].length)
  const close = open < 0 ? -1 : closing(content, open)
  if (at === null || close < 0) return null
  const wrapper = WRAPPER.exec(content.slice(at[0].length, open))?.[0] ?? ''
  const name = withoutArguments(content.slice(at[0].length + wrapper.length, open).trim())
  const dot = dotBefore(name)
  // Names of other languages' frames have no dot, or a blank.
  if (dot < 1 || /[ /\\:]/.test(name)) return null
  const tail = content.slice(close + 1)
  if (tail !== '' && !/^ ?(?:\[0x| )/.test(tail)) return null
  const place = placeIn(tail)
  const { module, method } = withoutCompiler(name.slice(0, dot), name.slice(dot + 1))
  const isOwn = !FOREIGN.test(`${module}.`) && wrapper === ''
  return frameOf(isOwn, { function: method, module, ...place })
}

// Type arguments differ from call to call: List`1[T].get_Item, Enumerable.ToList[TSource].
function withoutArguments(name: string): string {
  let plain = ''
  let depth = 0
  for (let at = 0; at < name.length; at++) {
    if (name[at] === '[') depth++
    else if (name[at] === ']') depth--
    else if (depth === 0) plain += name[at]
  }
  return plain
}

function closing(text: string, open: number): number {
  let depth = 0
  for (let at = open; at < text.length; at++) {
    if (text[at] === '(') depth++
    else if (text[at] === ')' && --depth === 0) return at
  }
  return -1
}

// The dot before the method's name: not one that names a constructor, `..ctor`, nor one inside < >, which the compiler writes around other names.
function dotBefore(name: string): number {
  if (name.endsWith('..ctor') || name.endsWith('..cctor')) return name.lastIndexOf('..')
  let depth = 0
  for (let at = name.length - 1; at > 0; at--) {
    if (name[at] === '>') depth++
    else if (name[at] === '<') depth--
    else if ((name[at] === '.' || name[at] === '+') && depth <= 0) return at
  }
  return -1
}

function placeIn(tail: string): { filename?: string; abs_path?: string; lineno?: number | undefined } {
  const found = IN.exec(tail)
  if (found === null) return {}
  const text = tail.slice(found.index + found[0].length).trim()
  const line = LINE.exec(text)
  const path = line === null ? text : text.slice(0, line.index)
  if (path.startsWith('<')) return {}
  return { filename: baseName(path), abs_path: path, lineno: line === null ? undefined : lineNumber(line[1]) }
}

// Worker.<Run>d__3.MoveNext is Worker.Run; Worker.<>c__DisplayClass4_0.<Run>b__0 is a lambda of Worker.Run; Worker.<Run>g__Inner|5_0 is Inner in it.
function withoutCompiler(owner: string, called: string): { module: string; method: string } {
  let module = owner
  let method = called
  const dot = dotBefore(module)
  const machine = called === 'MoveNext' && dot > 0 ? MACHINE.exec(module.slice(dot + 1)) : null
  if (machine !== null) {
    method = machine[1]
    module = module.slice(0, dot)
  }
  const lambda = LAMBDA.exec(method)
  if (lambda !== null) method = lambda[2] === undefined ? `${lambda[1]} { <lambda> }` : `${lambda[1]}.${lambda[2]}`
  return { module: module.replace(CLOSURE, ''), method }
}
