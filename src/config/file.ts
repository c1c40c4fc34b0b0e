import { open } from 'node:fs/promises'
import { type Env, expandTree } from './expand.ts'
import { ConfigError, cameText, type Problem } from './problem.ts'
import type { Mapping } from './tree.ts'

/** A configuration file may have this many bytes. */
const FILE_BYTES_MAX = 1 << 20

/** A configuration that stands in a variable, as a sidecar gets it: its name is `env:` and the variable's. */
const IN_VARIABLE = /^env:(.*)$/s

/**
 * Reads a file, or what stands in the variable that `env:NAME` names, into a tree with its variables expanded; with `env` null they stay as they
 * are. Throws ConfigError when nothing can be made of it; smaller problems are added.
 */
export async function readFileTree(file: string, env: Env | null, problems: Problem[]): Promise<Mapping> {
  const place = { file, line: 0, column: 0 }
  const [, variable] = IN_VARIABLE.exec(file) ?? []
  const text = variable === undefined ? await readText(file) : textOf(variable, env ?? {})
  // Loaded here, so that a gateway without a file does without YAML.
  const { readDocument } = await import('./document.ts')
  const tree = readDocument(file, text, problems)
  if (tree === null || (tree.type === 'scalar' && tree.value === null)) {
    if (problems.length > 0) throw new ConfigError(problems)
    return { type: 'mapping', place, entries: new Map() }
  }
  if (tree.type === 'mapping') return env === null ? tree : (expandTree(tree, env, '', problems) as Mapping)
  const remedy = 'start with a section, as `receivers:` or `exporters:`'
  throw new ConfigError([{ place: tree.place, path: '', came: cameText(tree, true), expected: 'a mapping of sections', remedy }])
}

function textOf(variable: string, env: Env): string {
  const text = env[variable]
  if (text !== undefined) return text
  const [expected, remedy] = ['a configuration in it', `set ${variable} to the text of a configuration, or name a file`]
  throw new ConfigError([{ place: { variable }, path: '', came: 'a variable that is not set', expected, remedy }])
}

async function readText(file: string): Promise<string> {
  const fail = (came: string, expected: string, remedy: string) =>
    new ConfigError([{ place: { file, line: 0, column: 0 }, path: '', came, expected, remedy }])
  const bytes = Buffer.alloc(FILE_BYTES_MAX + 1)
  let length = 0
  try {
    const handle = await open(file)
    try {
      // A file that does not end (a pipe, /dev/zero) ends here all the same.
      for (let read = 1; read > 0 && length < bytes.length; length += read)
        read = (await handle.read(bytes, length, bytes.length - length)).bytesRead
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw fail(...wordsFor((error as NodeJS.ErrnoException).code))
  }
  if (length > FILE_BYTES_MAX) throw fail(`more than ${FILE_BYTES_MAX} bytes`, 'a configuration file', 'check the path')
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, length))
  } catch {
    throw fail('bytes that are not UTF-8', 'a text file in UTF-8', 'save the file as UTF-8')
  }
}

function wordsFor(code: string | undefined): [came: string, expected: string, remedy: string] {
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return ['no such file', 'a configuration file', 'check the path, or run without --config for the defaults']
    case 'EISDIR':
      return ['a directory', 'a configuration file', 'name the file inside it']
    case 'EACCES':
    case 'EPERM':
      return ['a file that may not be read', 'a readable file', 'check its owner and mode']
    default:
      return [`${code ?? 'an error'} from the operating system`, 'a readable file', 'check the path']
  }
}
