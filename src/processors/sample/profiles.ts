import type { RecordEditor } from '../../otlp/request.ts'
import { Bits56 } from './bits.ts'
import { hashContent, hashSeedState } from './randomness.ts'
import type { ByService } from './services.ts'
import type { Threshold } from './threshold.ts'

/**
 * Keeps or cuts each profile. It belongs to no one trace, and its format is still in development, so a hash of its bytes decides: alike wherever the
 * same profile passes.
 */
export class ProfileSampler implements RecordEditor {
  private readonly thresholds: ByService<Threshold>
  private readonly random = new Bits56()
  private readonly seedState = hashSeedState(0)

  constructor(thresholds: ByService<Threshold>) {
    this.thresholds = thresholds
  }

  resourceEntry(): void {
    this.thresholds.resourceEntry()
  }

  resource(bytes: Uint8Array, start: number, end: number): void {
    this.thresholds.resource(bytes, start, end)
  }

  record(bytes: Uint8Array, start: number, end: number): boolean {
    hashContent(bytes, start, end, this.seedState, this.random)
    return !this.random.isBelow(this.thresholds.current.bits)
  }
}
