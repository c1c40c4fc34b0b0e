import type { Case } from './case.ts'
import { API_CASES } from './cases/api.ts'
import { GATEWAY_CASES } from './cases/gateway.ts'
import { GPU_CASES } from './cases/gpu.ts'
import { INJECTOR_CASES } from './cases/injector.ts'
import { BUSINESS_CASES, JOB_CASES } from './cases/jobs.ts'
import { STORE_CASES } from './cases/stores.ts'

export const CASES: readonly Case[] = [
  ...API_CASES,
  ...STORE_CASES,
  ...JOB_CASES,
  ...BUSINESS_CASES,
  ...GPU_CASES,
  ...GATEWAY_CASES,
  ...INJECTOR_CASES
]
