import { costPer, ENERGY_COST, GPU_COST, GPU_HOURS, GPUS, GPUS_COST, GPUS_USED, JOBS, KWH, total } from './measures.ts'
import type { ReportPlan } from './report.ts'

const MINUTES = total('Minutes of video', 'processing_minutes_total', 'minutes')

/** What a week of work cost, and what of it was idle. */
export const WEEKLY: ReportPlan = {
  period: 'week',
  title: 'Weekly cost report',
  parts: [
    { title: 'Cost', by: [], measures: [GPU_COST, ENERGY_COST, GPU_HOURS, KWH, GPUS, GPUS_USED, GPUS_COST] },
    { title: 'By model', by: ['model'], measures: [GPU_COST, GPU_HOURS, KWH] },
    {
      title: 'By tier',
      by: ['tier'],
      measures: [GPU_COST, GPU_HOURS, KWH, MINUTES, costPer('Cost of a minute', 'processing_minutes_total')]
    },
    {
      title: 'By stage',
      by: ['stage'],
      measures: [GPU_COST, GPU_HOURS, KWH, total('Jobs', `${JOBS}_count`), costPer('Cost of a job', `${JOBS}_count`)]
    },
    { title: 'By model and tier', by: ['model', 'tier'], measures: [GPU_COST, GPU_HOURS, KWH] }
  ]
}
