import type { Group } from './rule.ts'
import { API_RULES } from './rules/api.ts'
import { BUSINESS_RULES } from './rules/business.ts'
import { GATEWAY_RULES } from './rules/gateway.ts'
import { GPU_RULES } from './rules/gpu.ts'
import { INJECTOR_RULES } from './rules/injector.ts'
import { QUEUE_RULES, WORKER_RULES } from './rules/jobs.ts'
import { RETENTION_RULES } from './rules/retention.ts'
import { DATABASE_RULES, REDIS_RULES } from './rules/stores.ts'

/** Every group of rules; each becomes a file of its own. What records comes before what asks for it. */
export const GROUPS: readonly Group[] = [
  API_RULES,
  DATABASE_RULES,
  REDIS_RULES,
  WORKER_RULES,
  QUEUE_RULES,
  GPU_RULES,
  BUSINESS_RULES,
  GATEWAY_RULES,
  INJECTOR_RULES,
  RETENTION_RULES
]
