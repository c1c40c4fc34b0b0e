const ESCAPED = /\\n(?:\\t| {2,8})(?:at |File "|from )/

/** The lines of a stack string: without colours, and with the middle of a text that is longer than `charactersMax` left out. */
export function linesOf(text: string, charactersMax: number): string[] {
  let plain = shortened(text, charactersMax)
  if (plain.includes('\u001b[')) plain = plain.replace(/\u001b\[[\d;]{0,16}m/g, '')
  // A loggers' logger escapes line feeds twice.
  if (!plain.includes('\n') && ESCAPED.test(plain))
    plain = plain
      .replace(/\\r?\\n|\\n/g, '\n')
      .replace(/\\t/g, '\t')
      .replace(/\\"/g, '"')
  const lines = plain.split('\n')
  for (let i = 0; i < lines.length; i++) if (lines[i].endsWith('\r')) lines[i] = lines[i].slice(0, -1)
  return lines
}

// Both ends matter: some languages print the newest frame first and some last, and causes too. No half lines are left at the seam.
function shortened(text: string, charactersMax: number): string {
  if (text.length <= charactersMax) return text
  const half = charactersMax >> 1
  const head = text.slice(0, half)
  const tail = text.slice(text.length - half)
  const headEnd = head.lastIndexOf('\n')
  const tailStart = tail.indexOf('\n')
  return `${headEnd < 0 ? head : head.slice(0, headEnd)}\n${tailStart < 0 ? tail : tail.slice(tailStart + 1)}`
}
