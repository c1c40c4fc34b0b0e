const KIB = 1024
const MIB = 1024 * KIB

/** What is known of a type of items. */
export interface ItemType {
  readonly bytesMax: number
  /** How Sentry counts one of them. */
  readonly category: string
  /** Is a JSON object, or nothing. */
  readonly isObject: boolean
}

const object = (bytesMax: number, category: string): ItemType => ({ bytesMax, category, isObject: true })
const bytes = (bytesMax: number, category: string): ItemType => ({ bytesMax, category, isObject: false })

// Sizes as Relay has them by default: https://docs.sentry.io/product/relay/options/
const ITEM_TYPES: Readonly<Record<string, ItemType>> = {
  event: object(MIB, 'error'),
  transaction: object(MIB, 'transaction'),
  span: object(12 * MIB, 'span'),
  log: object(12 * MIB, 'log_item'),
  otel_log: object(MIB, 'log_item'),
  trace_metric: object(12 * MIB, 'trace_metric'),
  session: object(100 * KIB, 'session'),
  sessions: object(100 * KIB, 'session'),
  check_in: object(100 * KIB, 'monitor'),
  client_report: object(100 * KIB, 'internal'),
  feedback: object(MIB, 'feedback'),
  user_report: object(100 * KIB, 'feedback'),
  profile: object(50 * MIB, 'profile'),
  profile_chunk: bytes(50 * MIB, 'profile_chunk'),
  replay_event: object(MIB, 'replay'),
  replay_recording: bytes(100 * MIB, 'replay'),
  replay_video: bytes(100 * MIB, 'replay'),
  attachment: bytes(200 * MIB, 'attachment')
}

/** Types that are not known are passed on: an SDK may be newer than this gateway. */
const UNKNOWN = bytes(MIB, 'default')

export function itemTypeOf(type: string): ItemType {
  return Object.hasOwn(ITEM_TYPES, type) ? ITEM_TYPES[type] : UNKNOWN
}

/** The type as counters tell it, of which there may not be many. */
export function labelOf(type: string): string {
  return Object.hasOwn(ITEM_TYPES, type) ? type : 'unknown'
}
