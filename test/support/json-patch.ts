import { isDeepStrictEqual } from 'node:util'

// biome-ignore lint/suspicious/noExplicitAny: any JSON
type Json = any

interface Operation {
  readonly op: string
  readonly path: string
  readonly from?: string
  readonly value?: unknown
}

/** Applies a JSON Patch as RFC 6902 says, to a copy. Throws where an operation does not fit exactly. */
export function applyPatch(target: Json, patch: readonly Operation[]): Json {
  const holder: Json = { root: structuredClone(target) }
  for (const { op, path, from, value } of patch) {
    if (op === 'add') add(holder, path, structuredClone(value))
    else if (op === 'remove') take(holder, path)
    else if (op === 'replace') {
      take(holder, path)
      add(holder, path, structuredClone(value))
    } else if (op === 'move') add(holder, path, take(holder, from!))
    else if (op === 'copy') add(holder, path, structuredClone(parentOf(holder, from!).read()))
    else if (op !== 'test' || !isDeepStrictEqual(parentOf(holder, path).read(), value)) throw new Error(`${op} ${path} does not hold`)
  }
  return holder.root
}

function add(holder: Json, path: string, value: unknown): void {
  const { parent, key } = parentOf(holder, path)
  if (!Array.isArray(parent)) parent[key] = value
  else parent.splice(key === '-' ? parent.length : indexOf(parent, key, parent.length), 0, value)
}

function take(holder: Json, path: string): Json {
  const { parent, key, read } = parentOf(holder, path)
  const value = read()
  if (Array.isArray(parent)) parent.splice(indexOf(parent, key, parent.length - 1), 1)
  else delete parent[key]
  return value
}

function parentOf(holder: Json, path: string): { parent: Json; key: string; read: () => Json } {
  if (path !== '' && !path.startsWith('/')) throw new Error(`${path} is no JSON pointer`)
  const steps = ['root', ...path.split('/').slice(1)].map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
  let parent = holder
  for (const step of steps.slice(0, -1)) {
    if (Array.isArray(parent)) parent = parent[indexOf(parent, step, parent.length - 1)]
    else if (Object.hasOwn(parent, step)) parent = parent[step]
    else throw new Error(`${path} leads through ${step}, which is not there`)
    if (typeof parent !== 'object' || parent === null) throw new Error(`${path} leads through a value`)
  }
  const key = steps.at(-1)!
  const read = (): Json => {
    if (Array.isArray(parent)) return parent[indexOf(parent, key, parent.length - 1)]
    if (!Object.hasOwn(parent, key)) throw new Error(`${path} is not there`)
    return parent[key]
  }
  return { parent, key, read }
}

function indexOf(list: readonly unknown[], key: string, max: number): number {
  if (!/^(0|[1-9]\d*)$/.test(key) || Number(key) > max) throw new Error(`${key} is no index of a list of ${list.length}`)
  return Number(key)
}
