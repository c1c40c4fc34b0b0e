import { kindOf } from './kinds.ts'
import { DEFAULT, keyPath, type Place, type Problem, placeText } from './problem.ts'
import type { Address, Shape } from './schema.ts'
import type { Tree } from './tree.ts'

interface Listener {
  readonly path: string
  readonly place: Place
  /** Where to look when the place is a default: the component that has it. */
  readonly owner: Place
  readonly address: NonNullable<Address>
}

/** A part of the configuration whose options may have addresses. */
export interface Listening {
  readonly path: string
  readonly shape: Shape
  readonly tree: Tree | undefined
  readonly options: object
}

/** The problems with addresses that two options want to listen on. Port 0 is a new port each time. */
export function listenedTwice(parts: readonly Listening[]): Problem[] {
  const listeners = parts.flatMap(({ shape, tree, options, path }) => listenersOf(shape, tree, options, path))
  return listeners.flatMap((one, i) => {
    const other = listeners.slice(0, i).find(({ address }) => clash(address, one.address))
    if (other === undefined) return []
    const [wrong, right] = 'line' in one.place || !('line' in other.place) ? [one, other] : [other, one]
    return {
      place: 'byDefault' in wrong.place ? wrong.owner : wrong.place,
      path: wrong.path,
      came: `the address of ${right.path} (${placeText(right.place)})`,
      expected: 'an address that nothing else listens on',
      remedy: 'choose another port, or switch one of the two off'
    }
  })
}

function listenersOf(shape: Shape, tree: Tree | undefined, options: object, path: string): Listener[] {
  return Object.entries(shape).flatMap(([key, type]): Listener[] => {
    const kind = kindOf(type)
    const given = tree?.type === 'mapping' ? tree.entries.get(key)?.value : undefined
    const value: unknown = (options as Record<string, unknown>)[key]
    const inside = keyPath(path, key)
    if (kind.shape !== undefined) return typeof value === 'object' && value !== null ? listenersOf(kind.shape, given, value, inside) : []
    const isAddress = kind.name === 'address' || (kind.item !== undefined && kindOf(kind.item).name === 'address')
    if (!isAddress) return []
    const all = (Array.isArray(value) ? value : [value]) as Address[]
    return all
      .filter((address) => address !== null && address !== undefined)
      .map((address) => ({ path: inside, place: given?.place ?? DEFAULT, owner: tree?.place ?? DEFAULT, address }))
  })
}

function clash(a: NonNullable<Address>, b: NonNullable<Address>): boolean {
  if ('path' in a || 'path' in b) return 'path' in a && 'path' in b && a.path === b.path
  return a.port === b.port && a.port !== 0 && (a.host === b.host || isWildcard(a.host) || isWildcard(b.host))
}

function isWildcard(host: string): boolean {
  return host === '::' || host === '0.0.0.0'
}
