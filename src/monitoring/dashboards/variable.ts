// What a board can be narrowed to. `All` matches everything, also series without the label.

export interface ChoiceVariable {
  readonly kind: 'choice'
  readonly name: string
  readonly label: string
  /** Its values are those of this label of these series. */
  readonly series: string
  readonly of: string
}

/** A number that only the reader knows, as a price. */
export interface NumberVariable {
  readonly kind: 'number'
  readonly name: string
  readonly label: string
  readonly value: number
}

export type Variable = ChoiceVariable | NumberVariable

/** Values of a label of some series; those chosen before it narrow the choice, when the series name them. */
export function choice(name: string, label: string, series: string, of: string = name): ChoiceVariable {
  return { kind: 'choice', name, label, series, of }
}

export function price(name: string, label: string, value: number): NumberVariable {
  return { kind: 'number', name, label, value }
}

/** One Prometheus may know several clusters, and then tells them apart by this label. */
export const CLUSTER = choice('cluster', 'Cluster', 'sluice_build_info')
export const NAMESPACE = choice('namespace', 'Namespace', 'sluice_build_info{cluster=~"$cluster"}')
