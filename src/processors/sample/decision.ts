import { Bits56 } from './bits.ts'
import { hashSeedState, hashTraceId, readTraceId } from './randomness.ts'
import { ALWAYS, hashThresholdOf, lower, type Threshold, thresholdOf } from './threshold.ts'

/** What becomes of a record. */
export const DROP = 0
/** As it came. */
export const KEEP = 1
/** Kept, and marked with the threshold that it has passed. */
export const MARK = 2
/** Kept, but how likely that was is not known: the mark that it came with is erased. */
export const ERASE = 3
/** As ERASE, because the mark cannot be right. */
export const CONTRADICT = 4
/** There is no randomness to decide by. */
export const UNDECIDABLE = 5

/** How a record says by which randomness it was sampled before, and down to which threshold. */
export interface Arrived {
  readonly threshold: Bits56
  readonly random: Bits56
}

export interface Rules {
  readonly mode: 'consistent' | 'hash_seed'
  readonly hashSeed: number
  readonly hashTraceId: 'full' | 'low64'
  readonly precision: number
}

/** What is kept of one service: of its errors never less than of the rest. */
export interface Share {
  readonly usual: Threshold
  readonly ofErrors: Threshold
  /** What errors are kept by when nothing else is. */
  readonly errorsAlone: Threshold
}

/** Decides by trace id, so that everyone with the same rules decides alike. */
export class Decider {
  /** The randomness of the record decided last. */
  readonly random = new Bits56()
  readonly hashed: boolean
  private readonly seedState: number
  private readonly low64: boolean
  private readonly precision: number

  constructor({ mode, hashSeed, hashTraceId, precision }: Rules) {
    this.hashed = mode === 'hash_seed'
    this.seedState = hashSeedState(hashSeed)
    this.low64 = hashTraceId === 'low64'
    this.precision = precision
  }

  shareOf(ratio: number, errorRatio: number): Share {
    const usual = this.thresholdOf(ratio)
    const errorsAlone = this.thresholdOf(errorRatio)
    return { usual, errorsAlone, ofErrors: lower(usual, errorsAlone) }
  }

  /** bytes[idStart, idEnd) is the record's trace id. */
  decide(bytes: Uint8Array, idStart: number, idEnd: number, threshold: Threshold, arrived: Arrived): number {
    const { random } = this
    if (!this.readRandom(bytes, idStart, idEnd, arrived)) return threshold.text === '' ? DROP : UNDECIDABLE
    if (random.isBelow(threshold.bits)) return DROP
    if (this.hashed && !arrived.random.equals(random) && !(arrived.random.isAbsent() && arrived.threshold.isAbsent())) {
      // Sampled before by other dice: what passes both is not what passes one threshold.
      return arrived.threshold.isAbsent() || threshold.bits.equals(ALWAYS.bits) ? KEEP : ERASE
    }
    if (arrived.threshold.isAbsent()) return MARK
    if (random.isBelow(arrived.threshold)) return CONTRADICT
    return arrived.threshold.isBelow(threshold.bits) ? MARK : KEEP
  }

  thresholdOf(ratio: number): Threshold {
    return this.hashed ? hashThresholdOf(ratio) : thresholdOf(ratio, this.precision)
  }

  private readRandom(bytes: Uint8Array, idStart: number, idEnd: number, arrived: Arrived): boolean {
    if (this.hashed) return hashTraceId(bytes, idStart, idEnd, this.seedState, this.low64, this.random)
    if (arrived.random.isAbsent()) return readTraceId(bytes, idStart, idEnd, this.random)
    this.random.set(arrived.random.high, arrived.random.low)
    return true
  }
}
