// What GPU facts cost: the gateway beside one GPU, whose state every kept span is told, and whose time is shared among the stages as well, against
// the same gateway that knows of none.
import { chooseQuery } from '../../../src/facts/gpu/query.ts'
import { openStandIn } from '../../support/nvidia-smi-stand-in.ts'
import { helpText } from '../../support/nvidia-smi-texts.ts'
import { contest } from '../contest.ts'
import { type Row, ratios } from '../figures.ts'
import { FROM_SOURCE, startGateway } from '../gateway.ts'
import { startHere, withStage } from '../stage.ts'

/** The differences are small, so they are looked at more often. */
const ROUNDS_MORE = 3
const UUID = 'GPU-8d0c6a1e-5b7f-4c29-9ae3-f1d24b7c60ba'
/** What nvidia-smi would print, with the UUID last. */
const CELLS: Readonly<Record<string, string>> = {
  index: '0',
  name: 'NVIDIA L40S',
  driver_version: '590.48.01',
  'memory.total': '46068 MiB',
  'utilization.gpu': '71 %',
  'memory.used': '31744 MiB',
  'temperature.gpu': '63',
  'power.draw': '287.31 W',
  uuid: UUID
}
const UNITS: Readonly<Record<string, string>> = {
  ...{ 'memory.total': ' [MiB]', 'utilization.gpu': ' [%]', 'memory.used': ' [MiB]', 'power.draw': ' [W]' }
}

export const gpu: Row = {
  name: 'gpu',
  async measure(settings) {
    const smi = openStandIn()
    const help = helpText(...Object.keys(CELLS).map((name) => [name]))
    const order = chooseQuery(help)
    const rows = [order.map((name) => name + (UNITS[name] ?? '')), order.map((name) => CELLS[name])]
    smi.set('any', { status: 1 })
    smi.set('help-query-gpu', { stdout: help })
    smi.set('query-gpu', { stdout: rows.map((cells) => `${cells.join(', ')}\n`).join('') })
    return await withStage(async (begin) => {
      const source = { gpu: { source: 'nvidia-smi', command: smi.command } }
      const gateway = async (sections: object) => {
        const sink = await begin(startHere('sink.ts'))
        return begin(startGateway(sink.port, FROM_SOURCE, sections))
      }
      const untold = await gateway({ facts: { gpu: { source: 'off' } } })
      const told = await gateway({ facts: source, processors: { cost: false } })
      const costed = await gateway({ facts: source })
      const shape = { transport: 'http', connections: 16, streams: 1, items: 256, gzip: false } as const
      const contestants = [
        { name: 'sluice without a GPU', pid: untold.pid, port: untold.http },
        { name: 'sluice with one', pid: told.pid, port: told.http },
        { name: 'sluice with one, and its cost', pid: costed.pid, port: costed.http }
      ]
      const [plain, joined, shared] = await contest(contestants, shape, { ...settings, rounds: settings.rounds * ROUNDS_MORE })
      const [row, unit, subject] = ['gpu', 'M spans / CPU-s', 'the same without GPU facts']
      return [
        {
          ...{ row, unit, subject: 'sluice, kept spans joined with a GPU', values: joined.itemsPerCpuSecond.map(millions) },
          against: { subject, ratios: ratios(joined.itemsPerCpuSecond, plain.itemsPerCpuSecond) },
          budget: { of: 'ratio', bound: 'at least', limit: 0.9 },
          note: await whatWasDone(told.admin)
        },
        {
          ...{ row, unit, subject: 'sluice, joined, and GPU time of all spans', values: shared.itemsPerCpuSecond.map(millions) },
          against: { subject, ratios: ratios(shared.itemsPerCpuSecond, plain.itemsPerCpuSecond) },
          note: await whatWasDone(costed.admin)
        },
        { row, unit, subject: 'sluice, without GPU facts', values: plain.itemsPerCpuSecond.map(millions) }
      ]
    })
  }
}

const millions = (value: number): number => value / 1e6

// A gateway that finds nothing to join is fast, so the table says what it did. Spans of the first seconds lie before the first look.
async function whatWasDone(admin: number): Promise<string> {
  const page = await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text()
  const sum = (name: string, label = ''): number =>
    page
      .split('\n')
      .filter((line) => line.startsWith(name) && line.includes(label))
      .reduce((all, line) => all + Number(line.split(' ').at(-1)), 0)
  const kept = sum('sluice_enrich_gpu_spans_total')
  const joined = sum('sluice_enrich_gpu_spans_total', '"joined"')
  const stages = sum('sluice_cost_spans_total')
  const skipped = sum('sluice_cost_skipped_spans_total')
  return `${Math.round((100 * joined) / kept)} % of the kept spans joined; ${((stages - skipped) / 1e6).toFixed(2)} M spans shared the GPU`
}
