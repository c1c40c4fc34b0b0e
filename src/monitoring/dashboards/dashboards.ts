import { costTracking } from './cost-tracking.ts'
import type { Dashboard } from './dashboard.ts'
import { errorRate } from './error-rate.ts'
import { jobProcessing } from './job-processing.ts'
import { modelPerformance } from './model-performance.ts'
import { platformOverview } from './platform-overview.ts'
import { sluice } from './sluice.ts'
import { systemHealth } from './system-health.ts'
import { userActivity } from './user-activity.ts'

/** Every board that comes along. */
export const DASHBOARDS: readonly Dashboard[] = [
  platformOverview,
  jobProcessing,
  modelPerformance,
  costTracking,
  systemHealth,
  userActivity,
  errorRate,
  sluice
]
