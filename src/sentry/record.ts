// An item of an envelope travels as a log record: its payload is the body, and these attributes tell where it came from and what else came with it.

/** The type of the item. */
export const ITEM_TYPE = 'sentry.item.type'
/** The item's header as JSON, without its length. */
export const ITEM_HEADER = 'sentry.item.header'
/** What goes or stays with its trace when traces are sampled, as Sentry counts it: `transaction:1;span:13`. Absent from what is never sampled. */
export const SAMPLED_QUANTITIES = 'sentry.item.sampled_quantities'
/** The envelope's header as JSON, without what is of a single sending or of a key: `sent_at` and `dsn`. */
export const ENVELOPE_HEADER = 'sentry.envelope.header'
/** The same for all items of one envelope; that of its event, where it has one. */
export const ENVELOPE_ID = 'sentry.envelope.id'
/** By how many milliseconds the sender's clock was ahead when it sent, where that is more than a journey takes. */
export const CLOCK_AHEAD_MS = 'sentry.clock_ahead_ms'
/** The number of the project and the public key that the sender was told. */
export const PROJECT = 'sentry.project'
export const PUBLIC_KEY = 'sentry.public_key'

/** The threshold by which traces are kept, as 1 to 14 hex digits of 56 bits, or `never`; and their 56 bits, where these are not in the trace id. */
export const THRESHOLD = 'sampling.threshold'
export const RANDOMNESS = 'sampling.randomness'
export const NEVER = 'never'
