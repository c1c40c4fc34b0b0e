// What nvidia-smi writes into a cell, and what it means. A cell is a number with or without a unit, a word, or one of many ways to say that there is
// no value. The last are kept apart from zero: a GPU without a fan sensor and a GPU whose fan stands still are two things.

/** Why a value is not there. The last four are said of a GPU in trouble, or of an answer that nobody can read. */
export type Absence =
  | 'not available'
  | 'not supported'
  | 'deprecated'
  | 'permission'
  | 'unknown error'
  | 'reset required'
  | 'lost'
  | 'unreadable'

/** What a value measures, and so in which unit we keep it: ratio 0 to 1, bytes, °C, W, Hz, s, V, bytes per second; a flag is 0 or 1. */
export type Kind =
  | 'ratio'
  | 'bytes'
  | 'celsius'
  | 'watts'
  | 'hertz'
  | 'seconds'
  | 'volts'
  | 'bytesPerSecond'
  | 'count'
  | 'flag'
  | 'performanceState'
  | 'recoveryAction'

interface Unit {
  readonly kind: Kind
  readonly times: number
  /** A division, since 57 / 100 is 0.57 and 57 × 0.01 is not. */
  readonly by: number
}

const UNITS: ReadonlyMap<string, Unit> = new Map([
  ['%', { kind: 'ratio', times: 1, by: 100 }],
  ['B', { kind: 'bytes', times: 1, by: 1 }],
  ['KiB', { kind: 'bytes', times: 1024, by: 1 }],
  ['MiB', { kind: 'bytes', times: 1024 ** 2, by: 1 }],
  ['GiB', { kind: 'bytes', times: 1024 ** 3, by: 1 }],
  ['C', { kind: 'celsius', times: 1, by: 1 }],
  ['mW', { kind: 'watts', times: 1, by: 1000 }],
  ['W', { kind: 'watts', times: 1, by: 1 }],
  ['MHz', { kind: 'hertz', times: 1e6, by: 1 }],
  ['us', { kind: 'seconds', times: 1, by: 1e6 }],
  ['ms', { kind: 'seconds', times: 1, by: 1000 }],
  ['s', { kind: 'seconds', times: 1, by: 1 }],
  ['mV', { kind: 'volts', times: 1, by: 1000 }],
  ['V', { kind: 'volts', times: 1, by: 1 }],
  ['KB/s', { kind: 'bytesPerSecond', times: 1000, by: 1 }],
  ['MB/s', { kind: 'bytesPerSecond', times: 1e6, by: 1 }],
  ['x', { kind: 'count', times: 1, by: 1 }],
  ['bank(s)', { kind: 'count', times: 1, by: 1 }]
])

/** The unit of a bare number, and the range outside of which no GPU is: a driver in trouble prints all ones. */
const BARE: Readonly<Record<Kind, { readonly times: number; readonly by: number; readonly min: number; readonly max: number }>> = {
  ratio: { times: 1, by: 100, min: 0, max: 10 },
  bytes: { times: 1024 ** 2, by: 1, min: 0, max: 2 ** 50 },
  celsius: { times: 1, by: 1, min: -300, max: 300 },
  watts: { times: 1, by: 1, min: 0, max: 1e5 },
  hertz: { times: 1e6, by: 1, min: 0, max: 1e11 },
  seconds: { times: 1, by: 1e6, min: 0, max: 1e12 },
  volts: { times: 1, by: 1000, min: 0, max: 100 },
  bytesPerSecond: { times: 1000, by: 1, min: 0, max: 1e14 },
  count: { times: 1, by: 1, min: 0, max: Number.MAX_SAFE_INTEGER },
  flag: { times: 1, by: 1, min: 0, max: 1 },
  performanceState: { times: 1, by: 1, min: 0, max: 15 },
  recoveryAction: { times: 1, by: 1, min: 0, max: 4 }
}

const ABSENCES: ReadonlyMap<string, Absence> = new Map([
  ['', 'not available'],
  ['-', 'not available'],
  ['n/a', 'not available'],
  ['none', 'not available'],
  ['not found', 'not available'],
  ['not supported', 'not supported'],
  ['function not found', 'not supported'],
  ['requested functionality has been deprecated', 'deprecated'],
  ['insufficient permissions', 'permission'],
  ['unknown error', 'unknown error'],
  ['err!', 'unknown error'],
  ['gpu requires reset', 'reset required'],
  ['gpu is lost', 'lost']
])

const FLAGS: ReadonlyMap<string, number> = new Map([
  ['yes', 1],
  ['enabled', 1],
  ['active', 1],
  ['true', 1],
  ['no', 0],
  ['disabled', 0],
  ['not active', 0],
  ['false', 0]
])

// The order of NVML's enumeration.
const RECOVERY_ACTIONS: ReadonlyMap<string, number> = new Map([
  ['none', 0],
  ['gpu reset', 1],
  ['reset', 1],
  ['node reboot', 2],
  ['reboot', 2],
  ['drain p2p', 3],
  ['drain and reset', 4]
])

const CELL_CHARACTERS_MAX = 256
const TEXT_CHARACTERS_MAX = 256
const NUMBER = /^([+-]?\d{1,20}(?:\.\d{1,9})?) ?([A-Za-z%/()]{0,12})$/

/** The reason why a cell holds no value, in all the spellings of drivers 375 to 610; undefined when it holds something. */
export function absenceOf(cell: string): Absence | undefined {
  if (cell.length > CELL_CHARACTERS_MAX) return 'unreadable'
  const bare = cell.startsWith('[') && cell.endsWith(']') ? cell.slice(1, -1) : cell
  return ABSENCES.get(bare.trim().toLowerCase())
}

/** The number in a cell, in the unit of its kind. `headerUnit` is the unit that the column's header gives, for cells that give none. */
export function readNumber(cell: string, kind: Kind, headerUnit?: string): number | Absence {
  const text = cell.trim()
  if (text.length > CELL_CHARACTERS_MAX) return 'unreadable'
  if (kind === 'recoveryAction') {
    const action = RECOVERY_ACTIONS.get(text.toLowerCase())
    if (action !== undefined) return action
  }
  const absence = absenceOf(text)
  if (absence !== undefined) return absence
  if (kind === 'flag') return FLAGS.get(text.toLowerCase()) ?? 'unreadable'
  if (kind === 'performanceState') return /^P(?:\d|1[0-5])$/.test(text) ? Number(text.slice(1)) : 'unreadable'
  if (kind === 'recoveryAction') return 'unreadable'
  return readQuantity(text, kind, headerUnit)
}

function readQuantity(text: string, kind: Kind, headerUnit: string | undefined): number | Absence {
  const match = NUMBER.exec(text)
  if (match === null) return 'unreadable'
  const range = BARE[kind]
  const name = match[2] !== '' ? match[2] : (headerUnit ?? '')
  const unit = name === '' ? range : UNITS.get(name)
  if (unit === undefined || ('kind' in unit && unit.kind !== kind)) return 'unreadable'
  const value = (Number(match[1]) * unit.times) / unit.by
  return value >= range.min && value <= range.max ? value : 'unreadable'
}

/** The words of a cell; undefined when there are none. Without control characters, since they go into labels. */
export function readText(cell: string | undefined): string | undefined {
  if (cell === undefined || absenceOf(cell) !== undefined) return undefined
  return cell
    .replace(/[\u0000-\u001f\u007f]/g, ' ')
    .trim()
    .slice(0, TEXT_CHARACTERS_MAX)
}

/** A mask in hexadecimal digits, as `0x0000000000000004`; undefined when it is none or is wider than 48 bits. */
export function readMask(cell: string | undefined): number | undefined {
  const match = /^0x0*([0-9a-f]{1,12})$/i.exec(cell?.trim() ?? '')
  return match === null ? undefined : Number.parseInt(match[1], 16)
}

/** Whether this is the whole of a GPU's name as the driver gives it: half a name would be another GPU. */
export function isGpuUuid(text: string): boolean {
  return /^GPU-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)
}

/** `MIG-…` with a UUID of its own, or as driver 450 wrote it, `MIG-GPU-<parent>/<GPU instance>/<compute instance>`. */
export function isMigUuid(text: string): boolean {
  return /^MIG-(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|GPU-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\/\d{1,3}\/\d{1,3})$/i.test(
    text
  )
}

/** Whether this is a PCI address: domain, bus, device and function. */
export function isBusId(text: string): boolean {
  return /^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]$/i.test(text)
}
