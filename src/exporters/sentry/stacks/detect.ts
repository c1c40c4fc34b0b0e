import { dotnetFrame } from './dotnet.ts'
import { isGoLine } from './go.ts'
import { javaFrame } from './java.ts'
import { isPhpStep } from './php.ts'
import { frameLine } from './python-frame.ts'
import { isRubyFrame } from './ruby.ts'
import { isRustLine } from './rust.ts'
import { scriptFrame } from './script-frame.ts'
import { indentOf, LINE_CHARACTERS_MAX } from './stack.ts'

/** Named as in `telemetry.sdk.language`. */
export type StackLanguage = 'python' | 'java' | 'nodejs' | 'go' | 'dotnet' | 'ruby' | 'php' | 'rust'

// Older Ruby prints the header of Python to a terminal.
const REVERSED_RUBY = /^\t? {0,6}\d{1,6}: from \S/
const HEAD = /^(?:[A-Z]\w{0,100})?(?:Error|Exception): /

/** The languages that lines say they are of, the most likely first. */
export function detect(lines: readonly string[]): StackLanguage[] {
  const found: StackLanguage[] = []
  let first = -1
  for (let at = 0; at < lines.length; at++) {
    const isReversedRuby = at + 1 < lines.length && REVERSED_RUBY.test(lines[at + 1])
    const language = isReversedRuby ? 'ruby' : languageOf(lines[at])
    if (language === undefined || found.includes(language)) continue
    if (found.length === 0) first = at
    found.push(language)
  }
  if (found.length < 2 || first === 0 || !HEAD.test(lines[0])) return found
  // A process that was started may have failed, and what it printed be in the message of the error that is told of: that one's frames come last.
  let last = lines.length - 1
  while (last > first && lines[last].trim() === '') last--
  const outer = languageOf(lines[last])
  return outer === undefined ? found : [outer, ...found.filter((each) => each !== outer)]
}

function languageOf(line: string): StackLanguage | undefined {
  if (line.length < 4 || line.length > LINE_CHARACTERS_MAX) return undefined
  if (line.includes(' (most recent call ') || frameLine(line) !== null) return 'python'
  const indent = indentOf(line)
  if (indent > 0 && line.startsWith('at ', indent)) {
    if (isRustLine(line)) return 'rust'
    if (scriptFrame(line) !== null) return 'nodejs'
    return javaFrame(line, indent) === null ? undefinedOr('dotnet', dotnetFrame(line) !== null) : 'java'
  }
  if (isRubyFrame(line)) return 'ruby'
  if (isPhpStep(line)) return 'php'
  if (isGoLine(line)) return 'go'
  if (isRustLine(line)) return 'rust'
  return dotnetFrame(line) === null ? undefinedOr('nodejs', scriptFrame(line) !== null) : 'dotnet'
}

const undefinedOr = (language: StackLanguage, is: boolean): StackLanguage | undefined => (is ? language : undefined)
