import { behind, isForeign, ownName } from './paths.ts'
import { type Frame, frameOf, indentOf, isDigit, LINE_CHARACTERS_MAX, lineNumber } from './stack.ts'

/** `  File "path", line N, in function`; without the function where the compiler speaks, without the comma where faulthandler does. Else null. */
export function frameLine(line: string): Frame | null {
  // loguru marks the frame in which the exception was caught.
  const start = line.startsWith('> File "') ? 2 : indentOf(line)
  if ((start !== 2 && start !== 4) || !line.startsWith('File "', start) || line.length > LINE_CHARACTERS_MAX) return null
  const quote = line.indexOf('", line ', start + 6)
  if (quote < 0) return null
  let end = quote + 8
  while (isDigit(line.charCodeAt(end))) end++
  const rest = line.slice(end)
  const called = rest.startsWith(', in ') ? rest.slice(5) : rest.startsWith(' in ') ? rest.slice(4) : ''
  if (rest !== '' && called === '') return null
  return pythonFrame(line.slice(start + 6, quote), lineNumber(line.slice(quote + 8, end)), called)
}

const STANDARD = /[\\/]lib[\\/]python\d[\w.]{0,8}[\\/](?:lib-dynload[\\/])?|[\\/]Lib[\\/]|[\\/]python\d{1,4}\.zip[\\/]/
const SOURCE = /\.py[cx]?$/
const DOTTED = /^[\p{L}_][\p{L}\p{N}_.]*$/u
const FROZEN = /^<frozen ([\w.]{1,200})>$/

function pythonFrame(path: string, lineno: number | undefined, called: string): Frame {
  const installed =
    behind(path, '/site-packages/') ??
    behind(path, '/dist-packages/') ??
    behind(path, '\\site-packages\\') ??
    behind(path, '\\dist-packages\\')
  const standard = STANDARD.exec(path)
  const filename =
    installed ?? (standard === null ? ownName(path).replace(/^(?:\.\.\/)+/, '') : path.slice(standard.index + standard[0].length))
  const isOwn = installed === undefined && standard === null && !path.startsWith('<frozen ') && !isForeign(path)
  return frameOf(isOwn, { function: called, module: FROZEN.exec(path)?.[1] ?? moduleOf(filename), filename, abs_path: path, lineno })
}

function moduleOf(filename: string): string | undefined {
  if (!SOURCE.test(filename)) return undefined
  const dotted = filename
    .replace(SOURCE, '')
    .replace(/[\\/]__init__$/, '')
    .replace(/[\\/]/g, '.')
  return DOTTED.test(dotted) ? dotted : undefined
}
