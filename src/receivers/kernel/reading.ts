import { setTimeout as sleep } from 'node:timers/promises'
import type { Batch } from '../../batch.ts'
import type { Host, Push, Receiver } from '../../component.ts'
import { messageOf, RefusedError } from '../../errors.ts'
import { KernelLog } from './kernel-log.ts'
import { Watch } from './watch.ts'

export interface KernelOptions {
  readonly path: string
  /** In ms. */
  readonly interval: number
  readonly recordsMax: number
}

/** What the receiver does, with one set of options. */
export function readKernelLog({ path, interval, recordsMax }: KernelOptions, host: Host): Receiver {
  const { metrics, log } = host
  const failures = metrics.counter('sluice_kernel_log_failures_total', 'Looks at the kernel log that failed, by what the system said.')
  const lost = metrics.counter('sluice_kernel_records_lost_total', 'Kernel log records that did not become telemetry, by reason.')
  const kernelLog = new KernelLog(path)
  const watch = new Watch(host, recordsMax)
  const stopping = new AbortController()
  let running: Promise<void> = Promise.resolve()
  let waiting: Batch | null = null
  let wasUnreadable = false

  const look = async (): Promise<void> => {
    let isAll = false
    try {
      isAll = await kernelLog.read((line) => watch.take(line, Date.now()))
      if (wasUnreadable) log.info({ path }, 'kernel: the kernel log can be read again')
      wasUnreadable = false
    } catch (error) {
      watch.restart()
      const { code = 'unknown' } = error as NodeJS.ErrnoException
      failures.add(1, { reason: code })
      if (!wasUnreadable) log.warn({ path, code }, `kernel: the kernel log cannot be read: ${remedy(code)}`)
      wasUnreadable = true
    }
    waiting = watch.collect(isAll, Date.now())
  }

  // What is refused for now waits, and the log with it: the kernel keeps it meanwhile.
  const deliver = async (push: Push): Promise<void> => {
    const batch = waiting
    if (batch === null) return
    try {
      await push(batch)
      waiting = null
    } catch (error) {
      if (error instanceof RefusedError && error.retryable) return
      lost.add(batch.items, { reason: error instanceof RefusedError ? error.code : 'internal' })
      log.warn({ error: messageOf(error) }, 'kernel: log records were not taken')
      waiting = null
    }
  }

  const run = async (push: Push): Promise<void> => {
    while (!stopping.signal.aborted) {
      await sleep(interval, undefined, { signal: stopping.signal }).catch(() => undefined)
      if (waiting === null) await look()
      await deliver(push)
    }
    if (waiting !== null) lost.add(waiting.items, { reason: 'stopped' })
  }

  return {
    addresses: {},
    async start(push) {
      await look()
      running = run(push)
    },
    async stop() {
      stopping.abort()
      await running
      await kernelLog.close()
    }
  }
}

function remedy(code: string): string {
  if (code === 'ENOENT') return 'mount it into the container, or name its path'
  if (code === 'EPERM' || code === 'EACCES') return 'the container needs CAP_SYSLOG and the right to read the device'
  return code
}
