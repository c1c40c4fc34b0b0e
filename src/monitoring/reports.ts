import { DAILY } from './reports/daily.ts'
import { MONTHLY } from './reports/monthly.ts'
import type { Period, ReportPlan } from './reports/report.ts'
import { WEEKLY } from './reports/weekly.ts'

/** What is told of each period. */
export const REPORTS: Readonly<Record<Period, ReportPlan>> = { day: DAILY, week: WEEKLY, month: MONTHLY }
