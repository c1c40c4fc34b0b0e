import type { GpuState } from '../facts.ts'
import type { Run } from './runner.ts'

export interface Verdict {
  readonly state: GpuState
  /** What a person can do about it; empty where nothing is to be done. */
  readonly remedy: string
}

/** The states in which samples come in. */
export const GOOD_STATES: readonly GpuState[] = ['ok', 'device lost']

export const OK: Verdict = { state: 'ok', remedy: '' }
export const STARTING: Verdict = { state: 'starting', remedy: '' }

const NO_BINARY: Verdict = {
  state: 'no binary',
  remedy:
    'nvidia-smi was not found: in a container run with the nvidia runtime and the driver capability `utility`, on a glibc image; or ask the node (facts.gpu.source: node); or set facts.gpu.command'
}
const NO_DRIVER: Verdict = {
  state: 'no driver',
  remedy: 'nvidia-smi does not reach the driver: load the nvidia kernel module, see `lsmod` and `dmesg` on the host'
}
const NO_LIBRARY: Verdict = {
  state: 'no driver',
  remedy: 'libnvidia-ml is missing: install the driver libraries, or run the container with the driver capability `utility`'
}
const NO_DEVICES: Verdict = {
  state: 'no devices',
  remedy: 'the driver shows no GPU here: see NVIDIA_VISIBLE_DEVICES of the container, and `lspci` on the host'
}
const MISMATCH: Verdict = {
  state: 'version mismatch',
  remedy:
    'the driver was changed while its old kernel module is loaded: reload the module or reboot the node, and recreate containers that hold the old library'
}
const LOST: Verdict = {
  state: 'device lost',
  remedy: 'a GPU fell off the bus or needs a reset: drain the node, see its kernel log for Xid messages, reset the GPU or reboot'
}
const PERMISSION: Verdict = {
  state: 'permission',
  remedy:
    'nvidia-smi may not be run, or not open the devices: see the file mode, the device permissions and the security policy of the container'
}
const CGROUP: Verdict = {
  state: 'permission',
  remedy:
    'the container has lost the right to its GPU devices, as after a daemon-reload on the host: recreate the container; injection by CDI avoids it'
}
const HUNG: Verdict = {
  state: 'hung',
  remedy:
    'nvidia-smi does not answer in time: see `dmesg` for Xid 119 and stuck tasks; on a healthy node turn on persistence (nvidia-persistenced) or raise facts.gpu.timeout'
}
const FLOOD: Verdict = { state: 'failed', remedy: 'nvidia-smi said more than is kept: see what facts.gpu.command runs' }
const UNSTARTABLE: Verdict = {
  state: 'failed',
  remedy: 'the system could not start another process: see its limits on processes and memory'
}
const KILLED: Verdict = { state: 'failed', remedy: 'nvidia-smi was killed by a signal: see the memory limit of the container' }
const REFUSED: Verdict = { state: 'failed', remedy: 'nvidia-smi refused the query: run it by hand with --query-gpu to see why' }
const UNREADABLE: Verdict = {
  state: 'failed',
  remedy: 'nvidia-smi answered nothing that can be read: run it by hand, see what facts.gpu.command runs'
}
const OFF: Verdict = { state: 'off', remedy: '' }

const BY_END: Partial<Record<Run['end'], Verdict>> = {
  late: HUNG,
  stuck: HUNG,
  busy: HUNG,
  flood: FLOOD,
  missing: NO_BINARY,
  forbidden: PERMISSION,
  unstartable: UNSTARTABLE,
  stopped: OFF
}

const LOST_TEXT = /gpu is lost|fallen off the bus|gpu requires reset|unable to determine the device handle/i
/** Lines in which lost GPUs are looked for. */
const LINES_MAX = 1_000

/** What nvidia-smi says, on either stream and in the words of all drivers so far. The first that fits counts. */
const BY_TEXT: readonly (readonly [RegExp, Verdict])[] = [
  [/driver\/library version mismatch/i, MISMATCH],
  [/couldn'?t communicate with the nvidia driver|driver (is )?not loaded/i, NO_DRIVER],
  [/libnvidia-ml/i, NO_LIBRARY],
  [LOST_TEXT, LOST],
  [/failed to initialize nvml: unknown error/i, CGROUP],
  [/failed to initialize nvml: (insufficient permissions|no permission)|gpu access blocked|permission denied/i, PERMISSION],
  [/no devices were found/i, NO_DEVICES],
  [/is not a valid field to query|invalid (combination of )?(input|option|argument)/i, REFUSED]
]

/** The statuses that nvidia-smi documents, and the two by which a shell says that it could not run a wrapper's command. */
const BY_STATUS: Readonly<Record<number, Verdict>> = {
  2: REFUSED,
  4: PERMISSION,
  6: NO_DEVICES,
  9: NO_DRIVER,
  12: NO_LIBRARY,
  15: LOST,
  18: MISMATCH,
  126: PERMISSION,
  127: NO_BINARY
}

/**
 * What a run of the query says about the GPUs. `rows` is how many of them could be read in the answer: where some could, only the loss of another
 * one counts, for an error text may stand before a good table, and a status other than 0 may be a warning.
 */
export function judge(run: Run, rows: number): Verdict {
  const ended = BY_END[run.end]
  if (ended !== undefined) return ended
  if (run.status === undefined) return KILLED
  if (rows > 0) return saysLost(run) ? LOST : OK
  for (const [pattern, verdict] of BY_TEXT) if (pattern.test(run.stdout) || pattern.test(run.stderr)) return verdict
  return BY_STATUS[run.status] ?? UNREADABLE
}

/** Whether the fields that were asked for may be the reason, so that they should be looked up again. */
export function mayBeFields(verdict: Verdict): boolean {
  return verdict === REFUSED || verdict === UNREADABLE
}

/** The addresses of GPUs that a run names as lost, in the words of all drivers so far: `GPU 0000:0B:00.0`, `GPU0000:07:00.0`, `GPU1: 0000:34:00.0`. */
export function lostIn({ stdout, stderr }: Run): readonly string[] {
  const found = new Set<string>()
  for (const line of `${stdout}\n${stderr}`.split('\n', LINES_MAX)) {
    if (!LOST_TEXT.test(line)) continue
    const busId = /GPU ?(?:\d{1,3}: ?)?((?:[0-9a-f]{4}){1,2}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f])(?![0-9a-f])/i.exec(line)?.[1]
    if (busId !== undefined) found.add(busId)
  }
  return [...found]
}

function saysLost({ stdout, stderr, status }: Run): boolean {
  return status === 15 || LOST_TEXT.test(stdout) || LOST_TEXT.test(stderr)
}
