import type { Signed, Validity } from './make.ts'

/** Begins to serve a certificate; connections that are open go on. */
export type Serve = (serving: Signed) => Promise<void>

/** Where the certificate of the webhook comes from. */
export interface Certificates {
  /** Looks whether all is as it should be, mends what is not, and serves what there is. Throws RefusedError that says what is wrong. */
  check(): Promise<void>
  /** Why callers cannot trust what is served, if they cannot. */
  unready(nowMs: number): string | null
  /** From when until when what is served is valid, by what it is; empty while there is none. */
  validity(): Readonly<Record<string, Validity>>
}
