import type { Host } from '../../component.ts'
import { faultOf } from '../../telemetry/fault.ts'
import type { Counter, Metrics } from '../../telemetry/metrics.ts'
import { Rarely } from '../../telemetry/rarely.ts'

/** How a file left its place. */
export type Rotation = 'renamed' | 'truncated' | 'deleted'

/** What a receiver shows of the files that it follows. */
export interface FileState {
  readonly watched: number
  readonly open: number
  /** Files that match and are not followed: too many, unreadable, or read by another path. */
  readonly waiting: number
  readonly lagBytes: number
  readonly checkpointAgeMs: number
}

const GAUGES: readonly [string, string, (state: FileState) => number][] = [
  ['sluice_files_watched', 'Files that are followed.', ({ watched }) => watched],
  ['sluice_files_open', 'Files that are open.', ({ open }) => open],
  [
    'sluice_files_waiting',
    'Files that match and are not followed now: there are too many, they cannot be read, or they are read by another path.',
    ({ waiting }) => waiting
  ],
  [
    'sluice_files_lag_bytes',
    'Bytes of files that have not been read yet, as far as they are known: of rotated files and of waiting ones too.',
    ({ lagBytes }) => lagBytes
  ],
  [
    'sluice_files_checkpoint_age_seconds',
    'For how long there have been positions that are not on disk.',
    ({ checkpointAgeMs }) => checkpointAgeMs / 1000
  ]
]

// A gauge has one reader, and there may be several receivers.
const shown = new WeakMap<Metrics, Map<string, () => FileState>>()

/** The numbers of one receiver of files. */
export class FileCounts {
  private readonly host: Host
  private readonly labels: { readonly receiver: string }
  private readonly rarely = new Rarely()
  private readonly bytes: Counter
  private readonly rotations: Counter
  private readonly lostBytes: Counter
  private readonly resumedBytes: Counter
  private readonly failures: Counter
  private readonly shutFiles: Counter

  constructor(host: Host) {
    const { metrics, name } = host
    this.host = host
    this.labels = { receiver: name }
    this.bytes = metrics.counter('sluice_log_bytes_total', 'Bytes of log streams that were read, by receiver and transport.')
    this.rotations = metrics.counter('sluice_files_rotations_total', 'Files that left their place, by kind: renamed, truncated or deleted.')
    this.lostBytes = metrics.counter(
      'sluice_files_lost_bytes_total',
      'Bytes that were gone before they could be read, as far as that is known, by how they went.'
    )
    this.resumedBytes = metrics.counter(
      'sluice_files_resumed_bytes_total',
      'Bytes behind the saved positions when reading went on after an end without warning: of these, some may have come twice.'
    )
    this.shutFiles = metrics.counter(
      'sluice_files_shut_total',
      'Files that were closed for others before they were read to their end, or while they were watched for more: openMax is reached.'
    )
    this.failures = metrics.counter('sluice_files_failures_total', 'What could not be done with files, by what the system said.')
  }

  /** Shows gauges for as long as nobody else of the same name does. */
  show(read: () => FileState): void {
    const { metrics, name } = this.host
    let readers = shown.get(metrics)
    if (readers === undefined) {
      readers = new Map()
      shown.set(metrics, readers)
      const all = readers
      for (const [gauge, help, value] of GAUGES)
        metrics.observe(gauge, help, 'gauge', () =>
          Array.from(all, ([receiver, state]) => ({ labels: { receiver }, value: value(state()) }))
        )
    }
    readers.set(name, read)
  }

  hide(read: () => FileState): void {
    const readers = shown.get(this.host.metrics)
    if (readers?.get(this.host.name) === read) readers.delete(this.host.name)
  }

  read(bytes: number): void {
    if (bytes > 0) this.bytes.add(bytes, { ...this.labels, transport: 'files' })
  }

  rotated(kind: Rotation): void {
    this.rotations.add(1, { ...this.labels, kind })
  }

  lost(bytes: number, kind: Rotation): void {
    if (bytes <= 0) return
    this.lostBytes.add(bytes, { ...this.labels, kind })
    if (this.rarely.isDue(`lost ${kind}`)) this.host.log.warn({ ...this.labels, kind, bytes }, 'files: a file was gone before it was read')
  }

  resumed(bytes: number): void {
    if (bytes > 0) this.resumedBytes.add(bytes, this.labels)
  }

  /** Something that may work later. `what` was to be done, to a file that is told of in the log now and then. */
  failed(what: string, reason: string, path: string | undefined): void {
    this.failures.add(1, { ...this.labels, reason })
    if (this.rarely.isDue(`${what} ${reason}`)) this.host.log.warn({ ...this.labels, path, reason }, `files: cannot ${what}`)
  }

  /** There are more files than may be followed. */
  full(filesMax: number): void {
    if (this.rarely.isDue('filesMax')) this.host.log.warn({ ...this.labels, filesMax }, 'files: there are more files than may be followed')
  }

  /** Something was thrown: by the system, or by a fault of ours. */
  broke(what: string, error: unknown, path: string): void {
    const { code } = error as NodeJS.ErrnoException
    if (typeof code === 'string') this.failed(what, code, path)
    else this.fault(faultOf(error, 3))
  }

  /** So many files were closed for others that are not read to their end, or may be written on. */
  shut(files: number): void {
    this.shutFiles.add(files, this.labels)
  }

  private fault(fault: { readonly error: string; readonly place: string }): void {
    this.failures.add(1, { ...this.labels, reason: 'fault' })
    if (this.rarely.isDue(fault.place))
      this.host.log.error({ ...this.labels, ...fault }, 'files: a file was set aside by a fault of the gateway')
  }
}
