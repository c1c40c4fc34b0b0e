// From where on a number is trouble: the same numbers at which the alerts fire.
import type { Threshold, Words } from './panel.ts'

type Thresholds = readonly Threshold[]

export const RESPONSE: Thresholds = [[2, 'red']]
export const FAILURES: Thresholds = [[0.01, 'red']]
export const JOB_FAILURES: Thresholds = [
  [0.05, 'orange'],
  [0.1, 'red']
]
export const QUEUE: Thresholds = [[100, 'orange']]
export const INFERENCE: Thresholds = [[10, 'red']]
export const GPU_BUSY: Thresholds = [[0.9, 'orange']]
export const DISK: Thresholds = [[0.8, 'orange']]
export const CANCELLATIONS: Thresholds = [[0.1, 'orange']]
/** Times as long as usual. */
export const TWICE: Thresholds = [[2, 'orange']]
/** Nothing else is right. */
export const ANY: Thresholds = [[1, 'red']]

export const UP: Thresholds = [
  [0, 'red'],
  [1, 'green']
]
export const UP_OR_DOWN: Words = { 0: ['down', 'red'], 1: ['up', 'green'] }
