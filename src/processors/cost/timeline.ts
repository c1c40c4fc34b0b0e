/** Whom time is given to. */
export interface Account {
  seconds: number
  joules: number
}

/** The energy that went into an interval, or undefined where nobody knows. */
export type EnergyOf = (startMs: number, endMs: number) => number | undefined

/** Spans that there is room for at first. */
const ROOM = 256

/** Intervals that are remembered as given; beyond, the oldest time is closed. */
const GIVEN_MAX = 4096

/**
 * The time of one GPU, and how it is shared. Each instant, with the energy that went into it, is divided equally among the spans that are known to
 * run then, once: when it is settled. What was given is never given again, and time that nobody had asked for by then goes to the spans that come
 * late, for as far back as `reachMs`. So what is given in all is never more than the time that has passed. Times are whole microseconds.
 */
export class Timeline {
  /** Seconds of spans that came when their time was given or closed. */
  lateSeconds = 0
  /** Seconds given whose energy nobody knew. */
  unmeasuredSeconds = 0
  private readonly reachMs: number
  // What lies before is not given any more.
  private closedMs: number
  private settledMs: number
  // Spans that have time not settled yet.
  private starts = new Float64Array(ROOM)
  private ends = new Float64Array(ROOM)
  private accounts: Account[] = []
  // Time given: disjoint intervals, ascending.
  private givenStarts: number[] = []
  private givenEnds: number[] = []

  constructor(closedMs: number, reachMs: number) {
    this.closedMs = closedMs
    this.settledMs = closedMs
    this.reachMs = reachMs
  }

  get pending(): number {
    return this.accounts.length
  }

  add(startMs: number, endMs: number, account: Account): void {
    const from = Math.max(startMs, this.closedMs)
    if (from > startMs) this.lateSeconds += (Math.min(from, endMs) - startMs) / 1000
    if (endMs <= from) return
    const span = this.accounts.length
    if (span === this.starts.length) {
      this.starts = twice(this.starts)
      this.ends = twice(this.ends)
    }
    this.starts[span] = from
    this.ends[span] = endMs
    this.accounts.push(account)
  }

  /** Gives away all time of pending spans. */
  settleAll(energyOf: EnergyOf): void {
    let lastMs = this.settledMs
    for (let i = 0; i < this.pending; i++) lastMs = Math.max(lastMs, this.ends[i])
    this.settle(lastMs, energyOf)
  }

  /** Gives away the time of pending spans up to `untilMs`. */
  settle(untilMs: number, energyOf: EnergyOf): void {
    if (untilMs > this.settledMs) this.settledMs = untilMs
    if (this.accounts.length > 0) this.share(this.settledMs, energyOf)
    this.close(this.settledMs - this.reachMs)
  }

  // One sweep over all boundaries. What a span gets is the difference of two running sums: of time, and of energy, each divided by the number of
  // spans that run. So the work does not grow with how many overlap.
  private share(untilMs: number, energyOf: EnergyOf): void {
    const { starts, ends, accounts, givenStarts, givenEnds } = this
    const count = accounts.length
    const opening = order(starts, count, untilMs)
    const closing = order(ends, count, Number.POSITIVE_INFINITY)
    const timeAt = new Float64Array(count)
    const energyAt = new Float64Array(count)
    const lateAt = new Float64Array(count)
    const givenFrom: number[] = []
    const givenTo: number[] = []
    let [time, energy, late] = [0, 0, 0]
    let [opened, closed, given] = [0, 0, 0]
    let active = 0
    let now = Number.NEGATIVE_INFINITY
    while (now < untilMs) {
      let next = untilMs
      if (opened < opening.length) next = Math.min(next, starts[opening[opened]])
      if (active > 0 && closed < closing.length) next = Math.min(next, ends[closing[closed]])
      const inGiven = given < givenStarts.length && givenStarts[given] <= now
      if (given < givenStarts.length) next = Math.min(next, inGiven ? givenEnds[given] : givenStarts[given])
      if (next > now && (inGiven || active > 0)) {
        extend(givenFrom, givenTo, now, next)
        if (inGiven) late += (next - now) / 1000
        else {
          const joules = energyOf(now, next)
          if (joules === undefined) this.unmeasuredSeconds += (next - now) / 1000
          else energy += joules / active
          time += (next - now) / 1000 / active
        }
      }
      now = next
      if (inGiven && givenEnds[given] <= now) given++
      for (; closed < closing.length && active > 0 && ends[closing[closed]] <= now; closed++) {
        const i = closing[closed]
        accounts[i].seconds += time - timeAt[i]
        accounts[i].joules += energy - energyAt[i]
        this.lateSeconds += late - lateAt[i]
        active--
      }
      for (; opened < opening.length && starts[opening[opened]] <= now; opened++) {
        const i = opening[opened]
        timeAt[i] = time
        energyAt[i] = energy
        lateAt[i] = late
        active++
      }
    }
    for (; given < givenStarts.length; given++) extend(givenFrom, givenTo, givenStarts[given], givenEnds[given])
    this.givenStarts = givenFrom
    this.givenEnds = givenTo
    this.keepUnsettled(untilMs, (i) => {
      accounts[i].seconds += time - timeAt[i]
      accounts[i].joules += energy - energyAt[i]
      this.lateSeconds += late - lateAt[i]
    })
  }

  // Spans that go on are paid up to here, and wait for the rest.
  private keepUnsettled(untilMs: number, pay: (span: number) => void): void {
    const { starts, ends, accounts } = this
    let kept = 0
    for (let i = 0; i < accounts.length; i++) {
      if (ends[i] <= untilMs) continue
      if (starts[i] < untilMs) pay(i)
      starts[kept] = Math.max(starts[i], untilMs)
      ends[kept] = ends[i]
      accounts[kept++] = accounts[i]
    }
    accounts.length = kept
  }

  private close(beforeMs: number): void {
    const { givenStarts, givenEnds } = this
    let gone = Math.max(0, givenStarts.length - GIVEN_MAX)
    if (gone > 0) this.closedMs = Math.max(this.closedMs, givenEnds[gone - 1])
    this.closedMs = Math.max(this.closedMs, beforeMs)
    while (gone < givenEnds.length && givenEnds[gone] <= this.closedMs) gone++
    givenStarts.splice(0, gone)
    givenEnds.splice(0, gone)
  }
}

// The spans whose time is before `untilMs`, by that time. Sorted are numbers that hold the time and the span, because numbers are sorted fast.
function order(times: Float64Array, count: number, untilMs: number): Float64Array {
  let firstMs = Number.POSITIVE_INFINITY
  let lastMs = Number.NEGATIVE_INFINITY
  for (let i = 0; i < count; i++) {
    firstMs = Math.min(firstMs, times[i])
    lastMs = Math.max(lastMs, times[i])
  }
  const isExact = ((lastMs - firstMs) * 1000 + 1) * count < Number.MAX_SAFE_INTEGER
  const all = new Float64Array(count)
  let length = 0
  for (let i = 0; i < count; i++) if (times[i] < untilMs) all[length++] = isExact ? Math.round((times[i] - firstMs) * 1000) * count + i : i
  const spans = all.subarray(0, length)
  if (!isExact) return spans.sort((a, b) => times[a] - times[b])
  spans.sort()
  for (let i = 0; i < length; i++) spans[i] %= count
  return spans
}

function twice(values: Float64Array): Float64Array<ArrayBuffer> {
  const more = new Float64Array(values.length * 2)
  more.set(values)
  return more
}

function extend(starts: number[], ends: number[], from: number, to: number): void {
  const last = ends.length - 1
  if (last >= 0 && ends[last] >= from) ends[last] = Math.max(ends[last], to)
  else {
    starts.push(from)
    ends.push(to)
  }
}
