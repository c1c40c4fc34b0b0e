import { existsSync, readFileSync } from 'node:fs'
import { chooseQuery } from '../../src/facts/gpu/query.ts'
import { openStandIn } from './nvidia-smi-stand-in.ts'
import { helpText } from './nvidia-smi-texts.ts'

export const GPU_NAME = 'NVIDIA H100'
const VALUES: Readonly<Record<string, string>> = { index: '0', name: GPU_NAME, uuid: 'GPU-0e0e0e0e-1111-2222-3333-00000000000e' }

/** A machine with one GPU of which the memory in use is what the test says. */
export interface GpuMemory {
  readonly command: string
  use(mebibytes: number): void
  /** How often it was looked at. */
  looks(): number
}

export function openGpuMemory(): GpuMemory {
  const smi = openStandIn()
  const sizes = (mebibytes: number): Record<string, string> => ({ 'memory.total': '81559', 'memory.used': String(mebibytes) })
  const help = helpText(...[...Object.keys(VALUES), ...Object.keys(sizes(0))].map((name) => [name]))
  const order = chooseQuery(help)
  smi.set('any', { status: 1 })
  smi.set('help-query-gpu', { stdout: help })
  return {
    command: smi.command,
    use(mebibytes) {
      const used = sizes(mebibytes)
      const head = order.map((name) => (name in used ? `${name} [MiB]` : name)).join(', ')
      smi.set('query-gpu', { stdout: `${head}\n${order.map((name) => VALUES[name] ?? `${used[name]} MiB`).join(', ')}\n` })
    },
    looks() {
      const file = `${smi.folder}/starts`
      return existsSync(file) ? readFileSync(file, 'utf8').split('--query-gpu=').length - 1 : 0
    }
  }
}
