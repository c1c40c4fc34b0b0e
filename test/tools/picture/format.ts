const BYTES = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
const COUNT = ['', 'k', 'M', 'G']
const BEHIND: Readonly<Record<string, string>> = { reqps: ' req/s', ops: ' /s', watt: ' W', celsius: ' °C', joule: ' J', kwatth: ' kWh' }

/** A value as Grafana would show it in this unit, nearly. */
export function formatted(value: number, unit: string, decimals?: number): string {
  if (unit === 'percentunit') return `${digits(value * 100, decimals)} %`
  if (unit === 's' || unit === 'dtdurations') return duration(value)
  if (unit === 'bytes') return scaled(value, 1024, BYTES)
  if (unit === 'Bps') return `${scaled(value, 1024, BYTES)}/s`
  if (unit === 'currencyUSD') return `$${digits(value, decimals)}`
  if (unit.startsWith('suffix:'))
    return `${decimals === undefined ? scaled(value, 1000, COUNT) : digits(value, decimals)}${unit.slice('suffix:'.length)}`
  return `${decimals === undefined ? scaled(value, 1000, COUNT) : digits(value, decimals)}${BEHIND[unit] ?? ''}`
}

/** What stands in the corner of a panel to say in what it is measured. */
export function unitName(unit: string): string {
  const names: Readonly<Record<string, string>> = {
    percentunit: '%',
    s: 'seconds',
    dtdurations: 'duration',
    Bps: 'bytes/s',
    currencyUSD: '$',
    short: '',
    none: ''
  }
  return names[unit] ?? (unit.startsWith('suffix:') ? unit.slice('suffix:'.length) : (BEHIND[unit] ?? unit)).trim()
}

function digits(value: number, decimals?: number): string {
  if (decimals !== undefined) return value.toFixed(decimals)
  const size = Math.abs(value)
  return value === 0 ? '0' : String(Number(value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 4)))
}

function scaled(value: number, base: number, names: readonly string[]): string {
  let [left, step] = [value, 0]
  while (Math.abs(left) >= base && step < names.length - 1) {
    left /= base
    step++
  }
  return `${digits(left)}${names[step].length > 1 ? ' ' : ''}${names[step]}`
}

function duration(seconds: number): string {
  const size = Math.abs(seconds)
  if (size === 0) return '0 s'
  if (size < 0.001) return `${digits(seconds * 1e6)} µs`
  if (size < 1) return `${digits(seconds * 1000)} ms`
  if (size < 120) return `${digits(seconds)} s`
  return size < 7200 ? `${digits(seconds / 60)} min` : `${digits(seconds / 3600)} h`
}
