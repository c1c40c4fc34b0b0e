const TEXT_MAX = 200
const TEXT_READ_MAX = 2048

/** What another side said, made fit for a message of ours: without secrets, on one line, short. */
export function foreignText(said: string, redact: (value: string) => string): string {
  const text = redact(said.slice(0, TEXT_READ_MAX))
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim()
  return text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX - 1)}…` : text
}
