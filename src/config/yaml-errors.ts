import type { YAMLError } from 'yaml'

/** What the parser's errors mean in plain words: expected, and remedy. The parser's own texts are not used, for they quote the file. */
export function yamlErrorInWords(error: YAMLError, line: string): { expected: string; remedy: string } {
  if (/[{,[].*\$\{/.test(line) && error.code === 'UNEXPECTED_TOKEN') {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what the file should say
    return { expected: 'a quoted text inside { } or [ ]', remedy: 'write "${NAME}" with quotes' }
  }
  if (error.message.includes('end with a')) return { expected: 'a closing bracket', remedy: 'close the [ or { that is open here' }
  if (error.message.includes('at node end')) return { expected: 'nothing more after the value', remedy: 'quote the whole value' }
  const [expected, remedy] = WORDS[error.code] ?? []
  if (expected !== undefined) return { expected, remedy: remedy ?? '' }
  if (error.code === 'MISSING_CHAR') return missing(error.message)
  return { expected: 'YAML', remedy: 'look for a missing quote, colon, comma or bracket on this line or the one before' }
}

const WORDS: Partial<Record<YAMLError['code'], [string, string]>> = {
  TAB_AS_INDENT: ['spaces as indentation', 'replace the tab at the start of the line with spaces'],
  BAD_INDENT: ['the keys of one mapping in one column', 'indent this line as its neighbours'],
  BLOCK_AS_IMPLICIT_KEY: [
    'one key and one value on a line',
    'indent the next line as this one, or quote the value if it contains a colon and a space'
  ],
  MULTILINE_IMPLICIT_KEY: ['a key that ends with a colon and a space', 'write `key: value`, with the space after the colon'],
  BAD_SCALAR_START: ['a value that does not start with a reserved character', 'put the value in quotes'],
  BAD_DQ_ESCAPE: ['an escape that YAML knows inside double quotes', "use single quotes, where backslashes are plain: 'text'"],
  BAD_ALIAS: ['the name of an anchor', 'write *name for an anchor that stands before it as &name, or quote the value'],
  DUPLICATE_KEY: ['each key once', 'remove one of the two; the other stands before, in the same mapping'],
  MULTIPLE_DOCS: ['one document', 'remove the second `---` and what follows, or put it in a file of its own'],
  TAG_RESOLVE_FAILED: ['a value without a tag', 'remove the word that starts with an exclamation mark, or quote the value'],
  BAD_COLLECTION_TYPE: ['a value without a tag', 'remove the word that starts with an exclamation mark'],
  BLOCK_IN_FLOW: ['everything inside { } or [ ] in the same style', 'use brackets inside of brackets'],
  KEY_OVER_1024_CHARS: ['a short key', 'shorten the key; a quote may be missing'],
  RESOURCE_EXHAUSTION: ['fewer nested values', 'flatten the file']
}

function missing(message: string): { expected: string; remedy: string } {
  if (message.includes('quote')) return { expected: 'a closing quote', remedy: 'close the quote that is open here, or was opened before' }
  if (message.includes('omments'))
    return { expected: 'a space before #', remedy: 'put a space before the comment, or quote a value that contains #' }
  if (message.includes(',')) return { expected: 'a comma between the items inside { } or [ ]', remedy: 'add the comma, or quote the value' }
  if (message.includes('colon') || message.includes(':')) return { expected: 'a space after the colon', remedy: 'write `key: value`' }
  return { expected: 'a value after its key, and an item after each dash', remedy: 'write `key: value` or `- item`' }
}
