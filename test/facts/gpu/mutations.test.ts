import { ok } from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { RefusedError } from '../../../src/errors.ts'
import { parseGpuCsv, parseProcessCsv } from '../../../src/facts/gpu/csv.ts'
import { joinList, parseList } from '../../../src/facts/gpu/list.ts'
import { chooseQuery } from '../../../src/facts/gpu/query.ts'
import { DEVICES_MAX, type GpuAnswer, PROCESSES_MAX } from '../../../src/facts/gpu/reading.ts'
import { isBusId, isGpuUuid, isMigUuid } from '../../../src/facts/gpu/values.ts'
import { parseGpuXml } from '../../../src/facts/gpu/xml.ts'
import { captureSection, RECORDINGS } from '../../support/nvidia-smi-recordings.ts'
import { DOCUMENT, GPU_A, helpText, LIST, TABLE } from '../../support/nvidia-smi-texts.ts'

// However an answer is damaged, reading it gives values that a GPU can have, or refuses. Most runs are on small texts; each kind of recording is among them.

const PROCESSES = `gpu_uuid, pid, used_gpu_memory [MiB], process_name\n${GPU_A}, 41, 7 MiB, /opt/a, b\n${GPU_A}, 42, [N/A], x\n`
const HELP = helpText(['uuid', 'gpu_uuid'], ['utilization.gpu'], ['power.draw'], ['name', 'gpu_name'])
const texts = [DOCUMENT, TABLE, LIST, PROCESSES, HELP, ...recordedTexts()]

function recordedTexts(): string[] {
  if (!existsSync(RECORDINGS)) return []
  const names = readdirSync(RECORDINGS).filter((name) => /\.(?:xml|csv)$|^nge-|^cnd-/.test(name))
  return names.flatMap((name) => {
    const text = readFileSync(`${RECORDINGS}${name}`, 'utf8')
    if (!name.startsWith('nge-capture')) return [text]
    return ['load :: query-gpu', 'load :: query-compute-apps', 'capabilities :: list', 'capabilities :: help-query-gpu'].map((title) =>
      captureSection(text, title)
    )
  })
}

// What damage puts in: pieces of the formats themselves, since noise alone gets no further than the first check.
const PIECES = [
  ...['<', '>', '</', '/>', '<!--', '-->', '&', '<gpu>', '</gpu>', '<gpu id="00000000:0A:00.0">', '</nvidia_smi_log>', '<nvidia_smi_log>'],
  ...['<processes><process_info>', '</process_info></processes>', '<mig_devices><mig_device>', '</mig_device>', '<supported_clocks>'],
  ...[', ', '\n', '\r\n', ' [MiB]', '"', '" or "', ')', '(UUID: ', '0x', '-1', '18446744073709551615', '1e309', '[GPU is lost]', 'ERR!'],
  ...['\u0000', '\ufffd', '\u2028', '💥', '__proto__', 'constructor', 'x'.repeat(5000), '9'.repeat(400)]
]
const damages = fc.array(
  fc.record({
    kind: fc.constantFrom('cut', 'drop', 'repeat', 'insert', 'swap', 'value'),
    at: fc.nat(),
    size: fc.nat(400),
    piece: fc.constantFrom(...PIECES)
  }),
  { minLength: 1, maxLength: 6 }
)
type Damage = typeof damages extends fc.Arbitrary<readonly (infer D)[]> ? D : never

function damage(text: string, { kind, at, size, piece }: Damage): string {
  const start = at % (text.length + 1)
  if (kind === 'cut') return text.slice(0, start)
  if (kind === 'drop') return text.slice(0, start) + text.slice(start + size)
  if (kind === 'repeat') return text.slice(0, start + size) + text.slice(start)
  if (kind === 'insert') return text.slice(0, start) + piece + text.slice(start)
  if (kind === 'swap') return text.slice(0, start) + piece + text.slice(start + piece.length)
  const found = /(?<=[>,] ?)[^<>,\n]+/.exec(text.slice(start, start + 5000))
  return found === null
    ? text
    : text.slice(0, start + found.index) + found[0].replace(/^[\d.]+|.*/, piece) + text.slice(start + found.index + found[0].length)
}

function checkAnswer({ readings, refusedRows }: GpuAnswer): void {
  ok(readings.length <= DEVICES_MAX && Number.isSafeInteger(refusedRows))
  for (const { device, sample, absent } of joinList(readings, parseList(LIST))) {
    ok(isGpuUuid(device.uuid) || isMigUuid(device.uuid) || isBusId(device.uuid) || isBusId(device.mig?.parent ?? ''), device.uuid)
    ok(Number.isInteger(device.index) && device.index >= 0)
    for (const text of [device.model, device.driverVersion, device.serial])
      ok(text === undefined || (text.length <= 256 && !/[\0-\x1f]/.test(text)))
    const { processes, throttleReasons, more, ...numbers } = sample
    ok(processes.length <= PROCESSES_MAX && (throttleReasons?.length ?? 0) <= 9)
    for (const { pid, memoryUsedBytes } of processes) ok(Number.isSafeInteger(pid) && pid > 0 && isWithin(memoryUsedBytes))
    for (const [name, value] of [...Object.entries(numbers), ...Object.entries(more)]) {
      ok(isWithin(value) && Number(value) > -301, `${name} ${value}`)
      ok(!(name in absent), `${name} is there and absent`)
    }
    ok((sample.utilization ?? 0) >= 0 && (sample.memoryUsedBytes ?? 0) >= 0 && (sample.powerWatts ?? 0) <= 1e5)
  }
}

function isWithin(value: number | undefined): boolean {
  return value === undefined || (Number.isFinite(value) && Math.abs(value) <= 2 ** 60)
}

function refusedOr(read: () => void): void {
  try {
    read()
  } catch (error) {
    if (!(error instanceof RefusedError && error.code === 'invalid' && error.message.length < 300)) throw error
  }
}

function readAll(text: string): void {
  refusedOr(() => checkAnswer(parseGpuXml(text, 1)))
  refusedOr(() => checkAnswer(parseGpuCsv(text, 1)))
  refusedOr(() => {
    for (const list of parseProcessCsv(text).byGpu.values()) ok(list.length <= PROCESSES_MAX)
  })
  refusedOr(() => ok(chooseQuery(text).length <= 200))
  ok(parseList(text).length <= 1024)
}

test('10,000 damaged answers are read or refused', () => {
  fc.assert(
    fc.property(fc.nat(), damages, (which, list) => readAll(list.reduce(damage, texts[which % texts.length]))),
    { numRuns: 10_000 }
  )
})

test('no text takes more than its length', () => {
  const long = (piece: string): string => piece.repeat(Math.ceil(2_000_000 / piece.length))
  const start = process.cpuUsage()
  for (const piece of [...PIECES, '<a>', '<a/>', '<a></a>', '<!---->', `"uuid"\n`, `uuid, `, `GPU 0: `, ` (UUID: `, `${GPU_A}, `])
    for (const text of [
      long(piece),
      `<nvidia_smi_log>${long(piece)}`,
      `uuid, pid\n${long(piece)}`,
      `gpu_uuid, pid, name\n${long(`${piece}\n`)}`
    ])
      readAll(text)
  const { user, system } = process.cpuUsage(start)
  // Hundreds of megabytes: seconds when each text is passed over a few times, hours when it is passed over per character.
  ok(user + system < 60e6, `${user + system} µs`)
})
