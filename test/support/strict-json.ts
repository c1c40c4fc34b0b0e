// biome-ignore lint/suspicious/noExplicitAny: JSON from the outside, looked into field by field
type Json = any

/** Reads JSON by the letter: UTF-8 without faults, and no key twice in one object, which readers understand differently. Throws otherwise. */
export function parseStrictly(bytes: Uint8Array): Json {
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  const value = JSON.parse(text)
  // The text is sound from here: a string is a key when a colon follows it.
  const objects: (Set<string> | undefined)[] = []
  for (const [token, string, isKey] of text.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|[{}[\]]/g)) {
    if (token === '{') objects.push(new Set())
    else if (token === '[') objects.push(undefined)
    else if (token === '}' || token === ']') objects.pop()
    else if (isKey !== undefined) {
      const key = JSON.parse(string) as string
      const keys = objects.at(-1)!
      if (keys.has(key)) throw new Error(`the key ${key} stands twice in one object`)
      keys.add(key)
    }
  }
  return value
}
