import { isDeepStrictEqual } from 'node:util'
import { RefusedError } from '../../errors.ts'
import { type Json, listOf, objectOf, textOf } from '../json.ts'
import { INJECT } from '../options.ts'

/** The webhook for pods of namespaces that ask by annotation. */
export const ENTRY = 'annotated-namespaces.inject.sluice.dev'
export const ENTRY_PATH = '/mutate/annotated-namespaces'
/** Called by the webhook that ours takes after. */
const MODEL_PATH = '/mutate/labelled-namespaces'
/** A label of every namespace, set by the API server itself. */
const NAME_LABEL = 'kubernetes.io/metadata.name'

/**
 * The webhooks of a configuration with the one that selects these namespaces by name, or without it where there are none; null where all is so already.
 * The webhook takes after the one for labelled namespaces, so that whatever is set there, and whoever is to be trusted, holds for both. Throws
 * RefusedError where that one is missing.
 */
export function withEntry(webhooks: readonly Json[], names: readonly string[]): Json[] | null {
  const there = webhooks.find(({ name }) => name === ENTRY)
  const others = webhooks.filter(({ name }) => name !== ENTRY)
  if (names.length === 0) return there === undefined ? null : others
  const model = others.find(({ clientConfig }) => calledPath(objectOf(clientConfig)) === MODEL_PATH)
  if (model === undefined)
    throw new RefusedError(
      'not-found',
      `the configuration has no webhook that calls ${MODEL_PATH}, expected one for ${ENTRY} to take after`
    )
  const wanted = { ...model, name: ENTRY, clientConfig: callingEntry(model.clientConfig), namespaceSelector: selectorOf(model, names) }
  return isDeepStrictEqual(there, wanted) ? null : [...others, wanted]
}

// Labels win over annotations: where the label says yes, the other webhook calls, and where it says anything else, nobody does.
function selectorOf(model: Json, names: readonly string[]): Json {
  const { matchLabels, matchExpressions } = objectOf(model.namespaceSelector)
  const { [INJECT]: _, ...labels } = objectOf(matchLabels)
  return {
    ...(Object.keys(labels).length === 0 ? {} : { matchLabels: labels }),
    matchExpressions: [
      { key: NAME_LABEL, operator: 'In', values: [...names].sort() },
      { key: INJECT, operator: 'DoesNotExist' },
      ...listOf(matchExpressions).filter(({ key }) => key !== INJECT)
    ]
  }
}

function callingEntry(client: Json): Json {
  const { service, url } = client
  if (service !== undefined) return { ...client, service: { ...service, path: ENTRY_PATH } }
  return { ...client, url: `${textOf(url).slice(0, -MODEL_PATH.length)}${ENTRY_PATH}` }
}

function calledPath({ service, url }: Json): string {
  if (service !== undefined) return textOf(objectOf(service).path)
  return textOf(url).endsWith(MODEL_PATH) ? MODEL_PATH : ''
}
