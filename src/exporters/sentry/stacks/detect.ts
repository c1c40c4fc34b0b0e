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

/** The language of the first line that says it. */
export function detect(lines: readonly string[]): StackLanguage | undefined {
  const first = firstSign(lines, 0)
  if (first === undefined || first.at === 0 || first.language !== 'python') return first?.language
  // A process that was started may have failed in Python, and its output be the message of the error that is told of.
  if (!/^[A-Z]\w{0,100}(?:Error|Exception): /.test(lines[0])) return first.language
  let last = lines.length - 1
  while (last > first.at && lines[last].trim() === '') last--
  const end = firstSign(lines.slice(last, last + 1), 0)
  return end !== undefined && (end.language === 'nodejs' || end.language === 'java' || end.language === 'dotnet')
    ? end.language
    : first.language
}

function firstSign(lines: readonly string[], from: number): { readonly language: StackLanguage; readonly at: number } | undefined {
  for (let at = from; at < lines.length; at++) {
    const line = lines[at]
    if (line.length === 0 || line.length > LINE_CHARACTERS_MAX) continue
    for (let i = 0; i < SIGNS.length; i++) if (SIGNS[i][1].test(line)) return { language: SIGNS[i][0], at }
  }
  return undefined
}
