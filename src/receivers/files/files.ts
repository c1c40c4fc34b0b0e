import { defineReceiver, later } from '../../component.ts'
import { options } from './options.ts'

const following = later(() => import('./following.ts'))

/** Follows log files, above all those of a node's containers: from where it was, through rotations and restarts. */
export const files = defineReceiver({
  type: 'files',
  summary: 'Follow log files, as those of the containers of a node, through rotations and restarts.',
  onByDefault: false,
  options,
  prepare: following.load,
  create: (options, host) => following.loaded.follow(options, host)
})
