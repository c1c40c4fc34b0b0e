const LOOK_BACK_MAX = 4096
const PART_OF_A_TOKEN = /[\w\-+/=.~%@:]/

/**
 * At most so many characters of a text. Cut between words and never inside of one: the redactor comes later, and does not know half of a secret
 * for one.
 */
export function shortened(text: string, charactersMax: number): string {
  if (text.length <= charactersMax) return text
  let end = charactersMax - 1
  // Where the next character begins another word, the last word is whole.
  while (end > 0 && charactersMax - end < LOOK_BACK_MAX && PART_OF_A_TOKEN.test(text[end]) && PART_OF_A_TOKEN.test(text[end - 1])) end--
  if (end > 0 && PART_OF_A_TOKEN.test(text[end]) && PART_OF_A_TOKEN.test(text[end - 1])) end = 0
  return `${text.slice(0, end).toWellFormed()}…`
}

/**
 * At most so many characters of a stack trace: its beginning and its end in whole lines, since some languages write the crash first and others last.
 */
export function shortenedStack(stack: string, charactersMax: number): string {
  if (stack.length <= charactersMax) return stack
  const half = Math.floor(charactersMax / 2)
  const headEnd = stack.lastIndexOf('\n', half)
  const tailStart = stack.indexOf('\n', stack.length - half + 2)
  if (headEnd < 0 || tailStart < 0) return shortened(stack, charactersMax)
  return `${stack.slice(0, headEnd)}\n…${stack.slice(tailStart)}`
}
