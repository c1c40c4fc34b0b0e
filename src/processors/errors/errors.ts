import { defineProcessor, later } from '../../component.ts'
import { options } from './options.ts'

const maker = later(() => import('./error-maker.ts'))

/**
 * Makes an error of its own of every exception that a span or a log record tells of, before sampling: each once, with its group and with what led to
 * it. What passes is unchanged.
 */
export const errors = defineProcessor({
  type: 'errors',
  summary: 'Find every exception in spans and logs before sampling, each once, grouped, limited, with the trail that led to it.',
  outcome: 'dropped',
  spawns: 'errors',
  options,
  prepare: maker.load,
  create: (options, host) => new maker.loaded.ErrorMaker(options, host)
})
