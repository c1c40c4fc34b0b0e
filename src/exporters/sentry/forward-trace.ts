// The sampling context that an SDK wrote, told anew after the gateway has sampled, too.
import type { JsonObject } from '../../sentry/envelope.ts'
import { NEVER } from '../../sentry/record.ts'
import { decimal } from './dsc.ts'
import { isId } from './ids.ts'
import { randomOf, rateOf } from './sampling.ts'
import type { Settings } from './settings.ts'

/** What the gateway decided about a trace. */
export interface Decision {
  /** As the record has it; undefined where traces are not sampled here. */
  readonly threshold: string | undefined
  /** Where the 56 random bits are not in the trace id. */
  readonly randomness: string | undefined
  /** The key that the SDK was given in place of that of the real project. */
  readonly ownKey: string | undefined
}

/**
 * The context for the header of an envelope. An SDK that kept a share c of its traces, of which the gateway keeps the share o, has c × o kept; the random
 * number is made of the trace id as for spans of OTLP, and is below the rate exactly where the trace is kept by both. It depends on nothing but the
 * trace and the shares, so that all parts of a trace say the same. Undefined where there is none to tell.
 */
export function forwardedTrace(
  given: JsonObject | undefined,
  traceId: string | undefined,
  decision: Decision,
  settings: Settings
): JsonObject | undefined {
  const id = typeof given?.trace_id === 'string' && isTraceId(given.trace_id) ? given.trace_id : traceId
  if (id === undefined) return undefined
  const context = withKey(given ?? {}, id, decision, settings)
  const { threshold, randomness } = decision
  if (threshold === undefined || (threshold !== NEVER && !/^[0-9a-f]{1,14}$/.test(threshold))) return context
  const bits = randomness !== undefined && /^[0-9a-f]{14}$/.test(randomness) ? randomness : id.slice(-14)
  const digits = threshold.padEnd(14, '0')
  const ours = threshold === NEVER ? 0 : rateOf(digits)
  const keptByUs = threshold !== NEVER && bits >= digits
  const keptByClient = given?.sampled !== 'false' && given?.sampled !== false
  const theirs = shareOf(given?.sample_rate, keptByClient)
  const rate = theirs * ours
  const random = keptByClient ? randomOf(bits) * theirs : (numberOf(given?.sample_rand) ?? theirs)
  const isKept = keptByUs && keptByClient
  // What is below as 56 bits may be equal as a double.
  const below = Math.max(0, rate - rate * 2 ** -52)
  return {
    ...context,
    sample_rate: decimal(rate),
    sample_rand: decimal(isKept ? Math.min(random, below) : Math.min(Math.max(random, rate), LARGEST)),
    sampled: String(isKept && rate > 0)
  }
}

const LARGEST = 1 - 2 ** -53

// All of it texts. Sentry looks up how a trace is sampled by the key of the project that it began in.
function withKey(given: JsonObject, id: string, { ownKey }: Decision, { publicKey, organisation }: Settings): JsonObject {
  const context: Record<string, string> = {}
  for (const [key, value] of Object.entries(given)) {
    if (typeof value === 'string') context[key] = value
    else if (typeof value === 'number' || typeof value === 'boolean') context[key] = String(value)
  }
  context.trace_id = id
  if (context.public_key === undefined || context.public_key === ownKey) {
    context.public_key = publicKey
    if (organisation !== undefined) context.org_id = organisation
  }
  return context
}

function isTraceId(id: string): boolean {
  return /^[0-9a-f]{32}$/.test(id) && isId(id)
}

function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value
  return typeof number === 'number' && number >= 0 && number <= 1 ? number : undefined
}

// What was kept cannot have been kept at a rate of 0.
function shareOf(value: unknown, isKept: boolean): number {
  const share = numberOf(value) ?? 1
  return share === 0 && isKept ? 1 : share
}
