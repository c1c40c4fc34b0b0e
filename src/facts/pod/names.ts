/** Labels and annotations that become attributes. */
export type Rules = readonly Rule[]

interface Rule {
  /** The key, or what it starts with. */
  readonly key: string
  readonly isPrefix: boolean
  /** The attribute's name; undefined: as the conventions name it. */
  readonly attribute: string | undefined
}

/** Reads rules as they stand in the configuration: `team`, `example.com/*`, or `team=dubbing.team` for a name of one's own. */
export function parseRules(rules: readonly string[]): Rules {
  return rules.map((rule) => {
    const [pattern, attribute] = rule.split('=', 2)
    const isPrefix = pattern.endsWith('*')
    return { key: isPrefix ? pattern.slice(0, -1) : pattern, isPrefix, attribute: isPrefix ? undefined : attribute }
  })
}

/** How many labels or annotations of one pod become attributes at most, and how long a value may be. */
const CHOSEN_MAX = 64
const VALUE_LENGTH_MAX = 1024

const OWN_ATTRIBUTE = 'resource.opentelemetry.io/'
/** What a pod is, the cluster says. Who may write a pod's annotations must not pass it off as another one. */
const IDENTITY = /^(?:k8s|container)\./

/** Copies what the rules choose into `attributes`, beside what is there; `kind` is `label` or `annotation`. */
export function copyChosen(
  attributes: Record<string, string>,
  kind: 'label' | 'annotation',
  values: ReadonlyMap<string, string>,
  rules: Rules
): void {
  let chosen = 0
  for (const [key, value] of values) {
    const rule = rules.find((each) => (each.isPrefix ? key.startsWith(each.key) : key === each.key))
    if (rule === undefined || value.length > VALUE_LENGTH_MAX) continue
    if (chosen++ >= CHOSEN_MAX) return
    attributes[rule.attribute ?? `k8s.pod.${kind}.${key}`] ??= value
  }
}

// From best to last, https://opentelemetry.io/docs/specs/semconv/non-normative/k8s-attributes/
const NAMES_OF_SERVICE = [
  'k8s.deployment.name',
  'k8s.replicaset.name',
  'k8s.statefulset.name',
  'k8s.daemonset.name',
  'k8s.cronjob.name',
  'k8s.job.name',
  'k8s.pod.name',
  'k8s.container.name'
]

/**
 * Adds `service.*` as the conventions derive it, and what annotations `resource.opentelemetry.io/…` set outright. What the attributes hold
 * already stays, but for the annotations, which are the pod author's own word.
 */
export function addService(
  attributes: Record<string, string>,
  labels: ReadonlyMap<string, string>,
  annotations: ReadonlyMap<string, string>,
  imageTag?: string
): void {
  let chosen = 0
  for (const [key, value] of annotations) {
    const name = key.startsWith(OWN_ATTRIBUTE) ? key.slice(OWN_ATTRIBUTE.length) : ''
    if (name === '' || value.length > VALUE_LENGTH_MAX || IDENTITY.test(name)) continue
    if (chosen++ < CHOSEN_MAX) attributes[name] = value
  }
  const fill = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') attributes[name] ??= value
  }
  const nameOfService = NAMES_OF_SERVICE.find((name) => attributes[name] !== undefined)
  fill('service.name', labels.get('app.kubernetes.io/instance') || labels.get('app.kubernetes.io/name'))
  fill('service.name', nameOfService === undefined ? undefined : attributes[nameOfService])
  fill('service.namespace', attributes['k8s.namespace.name'])
  fill('service.version', labels.get('app.kubernetes.io/version') || imageTag)
  const instance = [attributes['k8s.namespace.name'], attributes['k8s.pod.name'], attributes['k8s.container.name']]
  if (instance.every((part) => part !== undefined)) fill('service.instance.id', instance.join('.'))
}
