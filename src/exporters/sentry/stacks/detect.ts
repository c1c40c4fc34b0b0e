import { LINE_CHARACTERS_MAX } from './stack.ts'

/** Named as in `telemetry.sdk.language`. */
export type StackLanguage = 'python' | 'java' | 'nodejs' | 'go' | 'dotnet' | 'ruby' | 'php' | 'rust'

// What only the stacks of one language have. Of lines that fit several, the first rule has its way.
const SIGNS: readonly (readonly [StackLanguage, RegExp])[] = [
  ['ruby', /^\s*(?:\d{1,6}: )?(?:from )?[^\s:][^:]{0,500}:\d{1,9}:in [`']/],
  ['python', /Traceback \(most recent call last\):$|^(?:> | {2}| {4}|[ |]{4,64})File "[^"]{1,1000}", line \d|\(most recent call first\):$/],
  [
    'rust',
    /(?:^|\s)thread '[^']{0,256}' (?:\(\d{1,20}\) )?panicked at |^[Ss]tack backtrace:$|^ {8,32}at [^\s(]{1,500}\.rs:\d|^ {1,4}0: .{0,400}::/
  ],
  ['go', /^goroutine \d{1,20} (?:gp=\S{1,40} m=\S{1,40} (?:mp=\S{1,40} )?)?\[|^\t[^\s]{1,1000}\.go:\d{1,9}(?: \+0x[0-9a-f]{1,16})?$/],
  ['php', /^#\d{1,6} (?:\{main\}|\[internal function\]: |[^\s].{0,500}\(\d{1,9}\): )|^(?:PHP )?Fatal error: {1,2}Uncaught /],
  [
    'nodejs',
    /^\s{1,64}at (?:.{1,500} \()?(?:[^\s()]|eval at ).{0,500}:\d{1,9}:\d{1,9}\)?,?(?: \{)?$|^\s{1,64}at (?:async )?\S.{0,200} \((?:<anonymous>|native|index \d{1,6})\)$/
  ],
  ['java', /^\s{1,64}at [\w.$/@<>~{}-]{1,1000}\((?:[^()\s:/\\]{1,200}\.\w{1,10}(?::\d{1,9})?|Native Method|Unknown Source)\)(?: ~?\[|$)/u],
  ['dotnet', /^ {2,3}(?:at|bei|en|à|in|em|w|v|в|vid|ved|a|konum|場所|在|於|위치:) [^\s(]{1,1000} ?\(.{0,1000}\)|^ {3}--- .{3,200} ---$/u],
  [
    'nodejs',
    /^\s{1,64}at (?:async )?\S.{0,500} \([^()]{1,500}:\d{1,9}\)$|^[^\s@]{0,200}@(?:https?:\/\/|file:\/\/|\/).{1,1000}:\d{1,9}:\d{1,9}$/
  ]
]

// Older Ruby prints the header of Python to a terminal.
const REVERSED = /^\t? {0,6}\d{1,6}: from \S/

/** The languages that lines say they are of, the most likely first. */
export function detect(lines: readonly string[]): StackLanguage[] {
  const found: StackLanguage[] = []
  let first = -1
  for (let at = 0; at < lines.length; at++) {
    const isReversedRuby = at + 1 < lines.length && REVERSED.test(lines[at + 1])
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

const HEAD = /^[A-Z]\w{0,100}(?:Error|Exception): /

function languageOf(line: string): StackLanguage | undefined {
  if (line.length < 4 || line.length > LINE_CHARACTERS_MAX) return undefined
  for (let i = 0; i < SIGNS.length; i++) if (SIGNS[i][1].test(line)) return SIGNS[i][0]
  return undefined
}
