/** The word that was most likely meant, or undefined when none is near. Case, `_` and `-` do not count. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const plain = plainOf(word)
  let best: string | undefined
  let bestDistance = Math.min(3, Math.max(1, Math.floor(plain.length / 3))) + 1
  for (const candidate of candidates) {
    const other = plainOf(candidate)
    const isStart = Math.min(plain.length, other.length) > 2 && (plain.startsWith(other) || other.startsWith(plain))
    const distance = isStart ? Math.min(1, bestDistance) : editDistance(plain, other, bestDistance)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** The same word but for case, `_` and `-` and the order of its parts? `max_size` is `sizeMax`. */
export function sameWord(a: string, b: string): boolean {
  return plainOf(a) === plainOf(b) || partsOf(a) === partsOf(b)
}

function partsOf(word: string): string {
  const parts = word.slice(0, 64).split(/[_-]|(?<=[a-z0-9])(?=[A-Z])/)
  return parts
    .map((part) => part.toLowerCase())
    .sort()
    .join(' ')
}

function plainOf(word: string): string {
  return word.slice(0, 64).toLowerCase().replace(/[_-]/g, '')
}

/** How many letters must be added, removed, replaced or swapped with their neighbour; `limit` when that many or more. */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      row[j] = Math.min(replaced, last[j] + 1, row[j - 1] + 1)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j], before[j - 2] + 1)
    }
    before = last
    last = row
  }
  return Math.min(last[b.length], limit)
}
