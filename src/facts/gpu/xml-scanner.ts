import { RefusedError } from '../../errors.ts'

/** What a walk over a document calls, in the document's order. `path` holds the names from below the root, parted by `/`. */
export interface XmlVisitor {
  /** An element begins; `attributes` is what stands between its name and the `>`. False leaves the element and all below it out, unread. */
  open(path: string, attributes: string): boolean
  /** An element without elements below it, and its text. */
  leaf(path: string, text: string): void
  close(path: string): void
}

const DEPTH_MAX = 16
const NAME_CHARACTERS_MAX = 100

/**
 * Walks the first `<root>` of a text in one pass, without building anything; what stands before and after it is not looked at. An element that the visitor
 * leaves out costs one search for its end tag. Throws `invalid` when the text does not hold the whole of the root, or its tags do not match.
 */
export function walkXml(text: string, root: string, visitor: XmlVisitor): void {
  let at = text.indexOf(`<${root}>`)
  if (at === -1) throw new RefusedError('invalid', `nvidia-smi: no <${root}> in an answer of ${text.length} characters`)
  at += root.length + 2
  const names: string[] = []
  const paths: string[] = ['']
  // Where the text of the element that was opened last begins; -1 once it is known to have elements below it, or has ended.
  let textStart = -1
  for (;;) {
    const tag = text.indexOf('<', at)
    const end = tag === -1 ? -1 : text.indexOf('>', tag)
    if (end === -1) throw new RefusedError('invalid', `nvidia-smi: the document ends inside of <${names.at(-1) ?? root}>`)
    if (text.startsWith('<!--', tag)) {
      at = endOf(text, '-->', tag)
      continue
    }
    at = end + 1
    if (text[tag + 1] === '/') {
      const name = names.pop()
      if (text.slice(tag + 2, end).trimEnd() !== (name ?? root))
        throw new RefusedError('invalid', `nvidia-smi: the end tag at character ${tag} does not match`)
      if (name === undefined) return
      const path = paths.pop()!
      if (textStart !== -1) visitor.leaf(path, decode(text.slice(textStart, tag)))
      visitor.close(path)
      textStart = -1
      continue
    }
    const empty = text[end - 1] === '/'
    const inside = text.slice(tag + 1, empty ? end - 1 : end)
    const name = nameOf(inside)
    if (name === '' || names.length >= DEPTH_MAX) throw new RefusedError('invalid', `nvidia-smi: no tag of ours at character ${tag}`)
    const path = names.length === 0 ? name : `${paths.at(-1)}/${name}`
    if (!visitor.open(path, inside.slice(name.length))) {
      if (!empty) at = endOf(text, `</${name}>`, at)
    } else if (empty) {
      visitor.leaf(path, '')
      visitor.close(path)
    } else {
      names.push(name)
      paths.push(path)
      textStart = at
      continue
    }
    textStart = -1
  }
}

function endOf(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from)
  if (found === -1) throw new RefusedError('invalid', `nvidia-smi: the document ends before ${mark}`)
  return found + mark.length
}

function nameOf(inside: string): string {
  const match = /^[A-Za-z_][\w.-]*/.exec(inside)
  return match === null || match[0].length > NAME_CHARACTERS_MAX ? '' : match[0]
}

const ENTITIES: Readonly<Record<string, string>> = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&apos;': "'", '&amp;': '&' }

function decode(text: string): string {
  const trimmed = text.trim()
  return trimmed.includes('&') ? trimmed.replace(/&(?:lt|gt|quot|apos|amp);/g, (entity) => ENTITIES[entity]) : trimmed
}
