import { scriptFrame } from './script-frame.ts'
import { adopt, type Draft, draftOf, indentOf, LINE_CHARACTERS_MAX } from './stack.ts'

// Printed newest first, and what was caused before its causes. What util.inspect adds stands further right, in braces:
//   TypeError [CODE]: message
//       at function (file:line:column)
//       at … {
//     code: 'CODE',
//     [cause]: Error: message
//         at …
//     [errors]: [
//       Error: message
//           at …,
//       Error: message
//           at …
//     ]
//   }
const CAUSE = /^\[cause\]: |^[Cc]aused by: /
const SHARED = /^\s*\.\.\. (\d{1,4}) lines matching cause stack trace \.\.\.$/
const MEMBERS = /^(?:\[errors\]|errors|\[aggregateErrors\]|aggregateErrors): \[$/
const MEMBER = /^\[(\d{1,6})\] /
const LEAD = /^(?:(?:Uncaught|\(in promise\)|error:|thrown:|Unhandled (?:promise )?[Rr]ejection:?) (?=\S))+/
const TYPE = /^[\p{L}_$][\p{L}\p{N}_$.]{0,255}(?: \[[\w-]{1,200}\])?$/u
const ERROR_NAME = /(?:Error|Exception|Warning|Failure|Rejection|Fault)$/

interface Section {
  readonly indent: number
  readonly draft: Draft
  members: number
}

/** Reads what V8, Bun, Deno and Firefox print as the stack of an error, alone or with the properties that util.inspect shows. */
export function readNode(lines: readonly string[]): Draft | null {
  const first = lines.findIndex((line) => scriptFrame(line) !== null)
  if (first < 0) return null
  const [start, root] = headAbove(lines, first)
  const reader = new InspectionReader(root, start < 0 ? 0 : Math.min(indentOf(lines[start]), indentOf(lines[first])))
  for (let i = start + 1; i < lines.length; i++) reader.take(lines[i])
  return reader.end()
}

class InspectionReader {
  private readonly root: Draft
  private readonly drafts: Draft[]
  /** From the outermost exception to the one that is being read, further right each. */
  private readonly sections: Section[]
  /** Where the members of lists begin, and whose they are. */
  private readonly lists: { readonly indent: number; readonly section: Section }[] = []
  private open: Draft | null
  private mayBegin = false
  /** Where frames that the cause has too were left out, and how many. */
  private readonly shared = new Map<Draft, { readonly at: number; readonly count: number }>()

  constructor(root: Draft, indent: number) {
    this.root = root
    this.drafts = [root]
    this.sections = [{ indent, draft: root, members: 0 }]
    this.open = root
  }

  take(line: string): void {
    const indent = indentOf(line)
    const mayBegin = this.mayBegin
    this.mayBegin = line.endsWith('[') || line.endsWith(',')
    const frame = scriptFrame(line)
    if (frame !== null) {
      this.sections[this.sections.length - 1].draft.frames.push(frame)
      this.open = null
      return
    }
    const shared = line.length < 100 ? SHARED.exec(line) : null
    if (shared !== null) {
      const { draft } = this.sections[this.sections.length - 1]
      if (!this.shared.has(draft)) this.shared.set(draft, { at: draft.frames.length, count: Number(shared[1]) })
      this.open = null
    } else if (line.length <= LINE_CHARACTERS_MAX) {
      const content = indent === 0 ? line : line.slice(indent)
      const cause = CAUSE.exec(content)
      const member = cause === null ? MEMBER.exec(content) : null
      if (cause !== null) this.begin(content.slice(cause[0].length), indent, 'cause', indent > 0)
      else if (member !== null && isHead(content.slice(member[0].length)))
        this.begin(content.slice(member[0].length), indent, `errors[${member[1]}]`, false)
      else if (MEMBERS.test(content)) this.beginList(indent)
      else if (mayBegin && this.isMember(content, indent)) this.beginMember(content, indent)
      else this.takeOther(line)
    } else this.takeOther(line)
  }

  end(): Draft {
    // Causes first: what they share may be in theirs again.
    for (let i = this.drafts.length - 1; i >= 0; i--) this.restore(this.drafts[i])
    for (const draft of this.drafts) {
      draft.value = messageOf(draft.value)
      draft.frames.reverse()
    }
    return this.root
  }

  // The frame before those that were left out stands in both.
  private restore(draft: Draft): void {
    const shared = this.shared.get(draft)
    const cause = draft.children.find((each) => each.source === 'cause')
    if (shared === undefined || cause === undefined || shared.at === 0) return
    const before = draft.frames[shared.at - 1]
    const found = cause.frames.findIndex(
      (each) =>
        each.lineno === before.lineno &&
        each.colno === before.colno &&
        each.abs_path === before.abs_path &&
        each.function === before.function
    )
    if (found >= 0) draft.frames.splice(shared.at, 0, ...cause.frames.slice(found + 1, found + 1 + shared.count))
  }

  private takeOther(line: string): void {
    if (this.open === null) return
    // An error without frames may have properties.
    if (/^\s*[}\]]|^Node\.js v\d/.test(line)) this.open = null
    else this.open.value += `\n${line}`
  }

  // Indented causes belong to what they are indented in; others to the exception above.
  private begin(head: string, indent: number, source: string, isIndented: boolean): void {
    const draft = headOf(head)
    if (isIndented) this.leave(indent)
    const parent = this.sections[this.sections.length - 1]
    if (source.startsWith('errors')) {
      // Members that stand in the first column are those of the outermost.
      this.sections.length = 1
      this.add(this.root, draft, source, indent)
      this.root.isGroup = true
    } else this.add(parent.draft, draft, source, indent)
  }

  private beginList(indent: number): void {
    this.leave(indent)
    const section = this.sections[this.sections.length - 1]
    section.draft.isGroup = true
    this.lists.push({ indent: indent + 2, section })
    this.open = null
    this.mayBegin = true
  }

  private isMember(content: string, indent: number): boolean {
    while (this.lists.length > 0 && this.lists[this.lists.length - 1].indent > indent) this.lists.pop()
    const list = this.lists[this.lists.length - 1]
    return list !== undefined && list.indent === indent && isHead(content)
  }

  private beginMember(content: string, indent: number): void {
    const { section } = this.lists[this.lists.length - 1]
    while (this.sections[this.sections.length - 1] !== section && this.sections.length > 1) this.sections.pop()
    this.add(section.draft, headOf(content), `errors[${section.members++}]`, indent)
  }

  private leave(indent: number): void {
    while (this.sections.length > 1 && this.sections[this.sections.length - 1].indent >= indent) this.sections.pop()
  }

  private add(parent: Draft, draft: Draft, source: string, indent: number): void {
    adopt(parent, draft, source)
    this.drafts.push(draft)
    this.sections.push({ indent, draft, members: 0 })
    this.open = draft
  }
}

// Above the head of an uncaught error Node.js shows the line of the source, and loggers their own words.
function headAbove(lines: readonly string[], first: number): [number, Draft] {
  for (let i = 0; i < first; i++) if (isHead(lines[i].trimStart().replace(LEAD, ''))) return [i, headOf(lines[i].trimStart())]
  let last = first - 1
  while (last > 0 && lines[last].trim() === '') last--
  if (last < 0) return [-1, draftOf('', '')]
  const bare = /^([\p{L}_$][\p{L}\p{N}_$]{0,99}): /u.exec(lines[last])
  return [last, bare === null ? headOf(lines[last]) : draftOf(bare[1] === 'error' ? 'Error' : bare[1], lines[last].slice(bare[0].length))]
}

function isHead(text: string): boolean {
  const plain = text.startsWith('[') ? text.slice(1) : text
  const { type } = headOf(plain)
  return type !== ''
}

/** `Type: message`, `Type [CODE]: message`, `Type`, `Type {`, `[Type: message]`. */
function headOf(text: string): Draft {
  let line = text.replace(LEAD, '')
  if (line.startsWith('[') && /\](?: \{|,)?$/.test(line)) line = line.slice(1, line.lastIndexOf(']'))
  const colon = line.indexOf(': ')
  const end = colon >= 0 ? colon : /:$/.test(line) ? line.length - 1 : line.replace(/(?: \{|,)$/, '').length
  const name = end > 512 ? '' : line.slice(0, end)
  const type = name.replace(/ \[[\w-]{1,200}\]$/, '')
  if (!TYPE.test(name) || !ERROR_NAME.test(type)) return draftOf('', text)
  return draftOf(type, colon < 0 ? '' : line.slice(colon + 2))
}

// Deno shows the line of the source between the message and the frames.
function messageOf(value: string): string {
  const lines = value
    .trimEnd()
    .replace(/(?: \{|,)$/, '')
    .split('\n')
  if (lines.length > 2 && /^[ \t]{1,4000}[~^]{1,4000}$/.test(lines[lines.length - 1])) lines.length -= 2
  return lines.join('\n').trimEnd()
}
