import { hostname } from 'node:os'
import { kindOf } from './kinds.ts'
import { DEFAULT, keyPath, type Place, type Problem, placeText } from './problem.ts'
import type { Address, Kind, KindName, Listens, Shape } from './schema.ts'
import type { Tree } from './tree.ts'

interface Listener {
  readonly path: string
  readonly place: Place
  /** Where to look when the place is a default: the component that has it. */
  readonly owner: Place
  readonly address: NonNullable<Address>
  readonly listens: Listens
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
  const listeners = parts.flatMap(listenersOf)
  return listeners.flatMap((one, i) => {
    const other = listeners.slice(0, i).find((earlier) => clash(earlier, one))
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

/** The problems with URLs among `senders` at which one of `receivers` listens: what is sent there comes back, for ever. */
export function fedBack(senders: readonly Listening[], receivers: readonly Listening[]): Problem[] {
  const listeners = receivers.flatMap(listenersOf)
  return senders.flatMap((sender) =>
    valuesOf(sender, 'url').flatMap(({ value, path, place }) => {
      const own = listeners.find(({ address }) => leadsTo(new URL(String(value)), address))
      if (own === undefined) return []
      const came = `an address of the gateway itself (${own.path})`
      return { place, path, came, expected: 'another destination', remedy: 'what is sent to oneself comes back for ever; name the backend' }
    })
  )
}

/** The problem of GPU facts that are to be asked for at the gateway of the node, which is not named. */
export function askedNowhere(facts: { gpu: { source: string; node?: string | undefined } }, tree: Tree | undefined): Problem[] {
  if (facts.gpu.source !== 'node' || facts.gpu.node !== undefined) return []
  return [
    {
      place: placeOf(tree, ['facts', 'gpu', 'source']),
      path: 'facts.gpu.source',
      came: 'node',
      expected: 'facts.gpu.node beside it',
      remedy: 'name there where the gateway of the node serves its facts, or choose auto'
    }
  ]
}

function placeOf(tree: Tree | undefined, keys: readonly string[]): Place {
  let at = tree
  for (const key of keys) at = at?.type === 'mapping' ? at.entries.get(key)?.value : undefined
  return at?.place ?? DEFAULT
}

const LOCAL = /^(localhost|127(\.\d+){3}|\[::1\]|0\.0\.0\.0|\[::\])$/

function leadsTo(url: URL, address: NonNullable<Address>): boolean {
  if ('path' in address || Number(url.port || (url.protocol === 'https:' ? 443 : 80)) !== address.port) return false
  const here = LOCAL.test(url.hostname) && LOCAL.test(address.host.includes(':') ? `[${address.host}]` : address.host)
  return here || url.hostname === address.host || (isWildcard(address.host) && url.hostname === hostname().toLowerCase())
}

function listenersOf(part: Listening): Listener[] {
  return valuesOf(part, 'address').map(({ value, path, place, kind: { listens = 'connections' } }) => ({
    path,
    place,
    owner: part.tree?.place ?? DEFAULT,
    address: value as NonNullable<Address>,
    listens
  }))
}

/** Every value of one kind among the options, at any depth and in lists. */
function valuesOf({ shape, tree, options, path }: Listening, name: KindName): { value: unknown; path: string; place: Place; kind: Kind }[] {
  return Object.entries(shape).flatMap(([key, type]) => {
    const kind = kindOf(type)
    const given = tree?.type === 'mapping' ? tree.entries.get(key)?.value : undefined
    const value: unknown = (options as Record<string, unknown>)[key]
    const inside = keyPath(path, key)
    if (kind.shape !== undefined) {
      return typeof value === 'object' && value !== null
        ? valuesOf({ shape: kind.shape, tree: given, options: value, path: inside }, name)
        : []
    }
    if (kind.name !== name && (kind.item === undefined || kindOf(kind.item).name !== name)) return []
    const all = (Array.isArray(value) ? value : [value]) as unknown[]
    return all
      .filter((each) => each !== null && each !== undefined)
      .map((each) => ({ value: each, path: inside, place: given?.place ?? DEFAULT, kind }))
  })
}

function clash(one: Listener, other: Listener): boolean {
  const [a, b] = [one.address, other.address]
  if ('path' in a || 'path' in b) return 'path' in a && 'path' in b && a.path === b.path
  const apart = one.listens !== other.listens && one.listens !== 'both' && other.listens !== 'both'
  return !apart && a.port === b.port && a.port !== 0 && (a.host === b.host || isWildcard(a.host) || isWildcard(b.host))
}

function isWildcard(host: string): boolean {
  return host === '::' || host === '0.0.0.0'
}
