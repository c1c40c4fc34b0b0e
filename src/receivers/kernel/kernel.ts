import { defineReceiver, later } from '../../component.ts'
import { duration, integer, text } from '../../config/schema.ts'

const reading = later(() => import('./reading.ts'))

/** Makes log records of what the GPU driver says in the kernel log, and counts it. Needs the node's log, so it is for the gateway of a node. */
export const kernel = defineReceiver({
  type: 'kernel',
  summary: 'Make log records of the Xid messages in the kernel log: errors of GPUs, by code.',
  onByDefault: false,
  options: {
    path: text({
      default: '/dev/kmsg',
      doc: 'The kernel log: /dev/kmsg, or a file or FIFO with lines as dmesg or a syslog daemon writes them. Read from its end on.'
    }),
    interval: duration({ default: '1s', min: '10ms', doc: 'How often to look for new messages.' }),
    recordsMax: integer({ default: 100, min: 1, max: 10_000, doc: 'Log records of one look; more are counted and summed up in one.' })
  },
  prepare: reading.load,
  create: (options, host) => reading.loaded.readKernelLog(options, host)
})
