const DAY_MS = 86_400_000
const QUARTER_MS = 900_000

const MONTHS = new Map(
  ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'].map((name, index) => [name, index + 1])
)
const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** 1 to 12 for the first three letters of an English month; undefined for anything else. */
export function monthOf(letters: string): number | undefined {
  return MONTHS.get(letters) ?? MONTHS.get(letters.toLowerCase())
}

export function isDay(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1) return false
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return day <= MONTH_DAYS[month - 1] + (month === 2 && isLeap ? 1 : 0)
}

/** Milliseconds since 1970 of a day's beginning, by the calendar that all clocks go by. */
export function dayMs(year: number, month: number, day: number): number {
  // Counted in years that begin in March, so that the day that may be missing is a year's last.
  const y = month > 2 ? year : year - 1
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return (era * 146_097 + dayOfEra - 719_468) * DAY_MS
}

// Zones change at full quarters of an hour, and lines of one quarter come together.
let quarter = Number.NaN
let shiftMs = 0

/** What a clock on the wall here shows, as the time that it is. `wallMs` is that clock's time as if it were UTC. */
export function fromLocal(wallMs: number): number {
  const at = Math.floor(wallMs / QUARTER_MS)
  if (at !== quarter) {
    const wall = new Date(at * QUARTER_MS)
    const here = new Date(wall.getUTCFullYear(), wall.getUTCMonth(), wall.getUTCDate(), wall.getUTCHours(), wall.getUTCMinutes())
    shiftMs = here.getTime() - wall.getTime()
    quarter = at
  }
  return wallMs + shiftMs
}

/** The year in which that month and day are nearest to now, for dates that leave it out. */
export function nearestYear(month: number, day: number, nowMs: number): number {
  const year = new Date(nowMs).getUTCFullYear()
  let best = year
  let distance = Number.POSITIVE_INFINITY
  for (let candidate = year - 1; candidate <= year + 1; candidate++) {
    if (!isDay(candidate, month, day)) continue
    const away = Math.abs(dayMs(candidate, month, day) - nowMs)
    if (away >= distance) continue
    best = candidate
    distance = away
  }
  return best
}
