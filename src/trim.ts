import { flushCompileCache } from 'node:module'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** When the start is over, and most of what it made is garbage. */
const AFTER_MS = 1_000

/**
 * So large may V8's young generation become, both halves of it. Bodies of requests are freed when it is collected: a larger one holds more of them
 * at a time, a smaller one passes them on to the old generation, which is collected seldom.
 */
const YOUNG_BYTES_MAX = 8 * 1024 * 1024
const LOOK_MS = 250

/**
 * Has V8 do without its optimising compilers until `runFully` is called: at the start, what they would make is not used for long, and they bring some
 * 8 MB of the `node` binary into memory. A gateway that idles from then on never needs them.
 */
export function startPlainly(): void {
  setFlagsFromString('--no-opt')
  setFlagsFromString('--no-maglev')
}

/** Ends what `startPlainly` began: there is work. May be called again. */
export function runFully(): void {
  setFlagsFromString('--maglev')
  setFlagsFromString('--opt')
}

/**
 * Gives the memory that the start has used back to the system, a second after it: parsed source, the configuration's tree, schemas that were only
 * needed to read it, and a young generation that has grown to hold them. V8 would keep it, since an idle process gives it no reason to collect.
 * Costs one pause of some 30 ms. From then on the young generation grows no further than is good for a process that passes bytes on.
 */
export function trimSoon(): void {
  setTimeout(() => {
    flushCompileCache()
    // Of all collections this one alone returns pages at once. The function can only be had in a context that is made after the flag is set.
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as (options: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void
    collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
    boundYoungGeneration()
    runFully()
  }, AFTER_MS).unref()
}

// V8 reads its own maximum only when it starts, and the factor each time it grows.
function boundYoungGeneration(): void {
  const timer = setInterval(() => {
    const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')
    if (young !== undefined && young.space_size < YOUNG_BYTES_MAX) return
    setFlagsFromString('--semi-space-growth-factor=1')
    clearInterval(timer)
  }, LOOK_MS).unref()
}
