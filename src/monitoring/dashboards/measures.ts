// What is counted the same way on several boards.
import { perSecond, SPANS } from './queries.ts'

export const REQUESTS = (...by: string[]): string => perSecond('http_requests_total', SPANS, ...by)
export const FAILED_REQUESTS = (...by: string[]): string => perSecond('http_requests_total', `${SPANS},status=~"5.."`, ...by)

export const JOBS = (selector: string, ...by: string[]): string => perSecond('job_processing_duration_seconds_count', selector, ...by)
export const FAILED_JOBS = (selector: string, ...by: string[]): string =>
  perSecond('job_processing_duration_seconds_count', `${selector},outcome="error"`, ...by)

export const CALLS = (selector: string, ...by: string[]): string => perSecond('model_inference_duration_seconds_count', selector, ...by)
export const FAILED_CALLS = (selector: string, ...by: string[]): string =>
  perSecond('model_inference_duration_seconds_count', `${selector},outcome="error"`, ...by)

/** Of whole GPUs, one series each; the driver gives none of a GPU that is divided. */
export const GPU_LOAD = (selector: string): string => `hw_gpu_utilization_ratio{${selector},hw_gpu_task="general"}`
