/** Files that have been quiet for long are looked at no more seldom than this. */
const QUIET_MS_MAX = 5_000
/** The share of its quiet time after which something is looked at again. */
const QUIET_SHARE = 1 / 4

/**
 * How long to wait before looking again at what last changed so long ago: the longer it was quiet the longer, and never quite regularly, so that
 * thousands of files are not looked at in the same moment.
 */
export function nextLookMs(quietMs: number, intervalMs: number, quietMsMax = QUIET_MS_MAX): number {
  const wait = Math.min(Math.max(quietMs * QUIET_SHARE, intervalMs), Math.max(quietMsMax, intervalMs))
  return wait === intervalMs ? wait : wait * (0.75 + Math.random() / 4)
}
