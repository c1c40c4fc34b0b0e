import { CONTEXTS, HEADERS, KNOWN, type Known } from './names.ts'

const MEMBERS_MAX = 2048
const PART_CHARACTERS_MAX = 64

/** A field inside of a map. */
export interface Member {
  /** The map's path and the field's own name, with a dot between them. */
  readonly key: string
  /** What a field of that key is for. */
  readonly known: Known | undefined
  /** What it is for because of its own name, in maps where that counts. */
  readonly meant: Known | undefined
}

type Members = Map<string, Member>

const inside = new Map<string, Members>()
let size = 0

/**
 * The fields of the map at `path` that were seen before, for `memberOf`. Lines repeat themselves, and a text that is put together anew has to be hashed
 * anew wherever it is looked up; so those in use are remembered, up to a limit at which all are forgotten.
 */
export function membersOf(path: string): Members {
  const found = inside.get(path)
  if (found !== undefined) return found
  const members: Members = new Map()
  if (path.length <= PART_CHARACTERS_MAX) {
    count()
    inside.set(path, members)
  }
  return members
}

export function memberOf(members: Members, path: string, name: string): Member {
  const found = members.get(name)
  if (found !== undefined) return found
  const key = `${path}.${name}`
  const isHeaders = HEADERS.has(path)
  const meant = isHeaders || CONTEXTS.has(path) ? KNOWN.get(isHeaders ? name.toLowerCase() : name) : undefined
  const member = { key, known: KNOWN.get(key), meant: meant?.anywhere === true ? meant : undefined }
  if (path.length > PART_CHARACTERS_MAX || name.length > PART_CHARACTERS_MAX) return member
  count()
  members.set(name, member)
  return member
}

function count(): void {
  if (size >= MEMBERS_MAX) {
    inside.clear()
    size = 0
  }
  size++
}
