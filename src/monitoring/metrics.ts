import type { Metric } from './metric.ts'
import { DERIVED_METRICS } from './metrics/derived.ts'
import { GATEWAY_METRICS } from './metrics/gateway.ts'
import { GPU_METRICS } from './metrics/gpu.ts'
import { INJECTOR_METRICS } from './metrics/injector.ts'
import { PLATFORM_METRICS } from './metrics/platform.ts'

/** Every metric that a rule or a board may ask for. What recording rules make is known by the rules. */
export const METRICS: readonly Metric[] = [...GATEWAY_METRICS, ...DERIVED_METRICS, ...GPU_METRICS, ...INJECTOR_METRICS, ...PLATFORM_METRICS]
