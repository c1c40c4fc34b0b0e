import { readFileSync } from 'node:fs'
import { chooseQuery } from '../../src/facts/gpu/query.ts'
import { captureSection, RECORDINGS } from './nvidia-smi-recordings.ts'
import type { StandIn } from './nvidia-smi-stand-in.ts'

const CAPTURE = 'nge-capture--linux-x86_64__nvidia-h200__590.48.01.txt'

export type Phase = 'idle' | 'load'

/** A machine of two GPUs out of one that was recorded: the second differs by its index, its UUID and its place on the bus. */
export interface ReplayedMachine {
  readonly uuids: readonly [string, string]
  /** What each GPU does from now on. */
  show(first: Phase, second: Phase): void
}

/** Makes a stand-in answer as a recorded H200 did, in the order in which it is asked. */
export function replayMachine(smi: StandIn): ReplayedMachine {
  const capture = readFileSync(`${RECORDINGS}${CAPTURE}`, 'utf8')
  const help = captureSection(capture, 'capabilities :: help-query-gpu')
  const names = /# load :: query-gpu.*\n# \$ nvidia-smi --query-gpu=(\S+)/.exec(capture)![1].split(',')
  const asked = chooseQuery(help).map((field) => names.indexOf(field))
  const tableOf = (phase: Phase): string[][] =>
    captureSection(capture, `${phase} :: query-gpu`)
      .trim()
      .split('\n')
      .slice(-2)
      .map((line) => line.split(', '))
  const uuid = tableOf('load')[1][names.indexOf('uuid')]
  const other = `GPU-00000002${uuid.slice('GPU-00000002'.length)}`
  const bus = tableOf('load')[1][names.indexOf('pci.bus_id')]
  const asOther: Readonly<Record<string, string>> = { index: '1', uuid: other, 'pci.bus_id': bus.replace(/:\w\w:/, ':E1:') }
  const rowOf = (phase: Phase, isOther: boolean): string => {
    const [, row] = tableOf(phase)
    return asked.map((at) => (isOther ? asOther[names[at]] : undefined) ?? row[at]).join(', ')
  }
  const processes = captureSection(capture, 'load :: query-compute-apps')
  smi.set('any', { status: 1 })
  smi.set('help-query-gpu', { stdout: help })
  smi.set('query-compute-apps', { stdout: processes })
  const [header] = tableOf('load')
  return {
    uuids: [uuid, other],
    show: (first, second) =>
      smi.set('query-gpu', { stdout: `${asked.map((at) => header[at]).join(', ')}\n${rowOf(first, false)}\n${rowOf(second, true)}\n` })
  }
}
