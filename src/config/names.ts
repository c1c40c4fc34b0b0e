import type { Named } from '../component.ts'
import { nearest } from './nearest.ts'
import type { Place, Problem } from './problem.ts'
import type { Tree } from './tree.ts'

/** What is wrong with names of things that nobody knows, and what only may be: a word that could be something else as well. */
export function unknownNames(
  path: string,
  tree: Tree,
  names: readonly Named[]
): { readonly problems: Problem[]; readonly warnings: string[] } {
  const problems: Problem[] = []
  const warnings: string[] = []
  for (const { steps, name, known, what, isOnly } of names) {
    if (known.includes(name)) continue
    const near = nearest(name, known)
    const full = `${path}.${steps.filter((step) => typeof step === 'string').join('.')}`
    if (isOnly) {
      const remedy = near === undefined ? `write one of those, as ${known.slice(0, 3).join(', ')}` : `did you mean ${near}?`
      problems.push({ place: placeOf(tree, steps), path: full, came: JSON.stringify(name), expected: `the name of a ${what}`, remedy })
    } else if (near !== undefined) warnings.push(`${full}: there is no ${what} ${JSON.stringify(name)}; did you mean ${near}?`)
  }
  return { problems, warnings }
}

// As near as the tree knows it.
function placeOf(tree: Tree, steps: readonly (string | number)[]): Place {
  let { place } = tree
  let at: Tree | undefined = tree
  for (const step of steps) {
    const entry: { readonly place: Place; readonly value: Tree } | undefined =
      at?.type === 'mapping' ? at.entries.get(String(step)) : at?.type === 'list' ? itemOf(at.items[Number(step)]) : undefined
    if (entry === undefined) return place
    place = entry.place
    at = entry.value
  }
  return place
}

function itemOf(item: Tree | undefined): { place: Place; value: Tree } | undefined {
  return item === undefined ? undefined : { place: item.place, value: item }
}
