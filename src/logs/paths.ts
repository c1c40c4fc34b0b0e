const PATHS_MAX = 2048
const PART_CHARACTERS_MAX = 64

const known = new Map<string, Map<string, string>>()
let size = 0

/**
 * The key of a field inside of a map: both with a dot between them. Lines repeat themselves, and a text that is put together anew has to be hashed
 * anew wherever it is looked up; so those in use are remembered, up to a limit at which all are forgotten.
 */
export function pathTo(path: string, key: string): string {
  let inside = known.get(path)
  const found = inside?.get(key)
  if (found !== undefined) return found
  const whole = `${path}.${key}`
  if (path.length > PART_CHARACTERS_MAX || key.length > PART_CHARACTERS_MAX) return whole
  if (size >= PATHS_MAX) {
    known.clear()
    size = 0
    inside = undefined
  }
  if (inside === undefined) {
    inside = new Map()
    known.set(path, inside)
  }
  inside.set(key, whole)
  size++
  return whole
}
