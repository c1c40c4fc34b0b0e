import type { OtlpSignal } from './signal.ts'
export function checkRequest(_signal: OtlpSignal, _bytes: Uint8Array): number {
  return 0
}
