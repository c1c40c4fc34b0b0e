// A process: writes lines into files and rotates them at random, by renaming or by copying and emptying. What it is to do comes as JSON in its first argument; told to stop, it tells what it has written.
import { closeSync, copyFileSync, openSync, renameSync, rmSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'

export interface Written {
  /** By writer, how many lines; they are numbered from 0. */
  readonly lines: Readonly<Record<string, number>>
  readonly rotations: number
  /** Rotated files that are there no more. */
  readonly deleted: number
}

const KINDS = ['renamed', 'copied'] as const
/** Rotated files that are kept. */
const KEPT = 100
const TURN_MS = 5

const { dir, files, seed, linesPerSecond } = JSON.parse(process.argv[2]) as {
  dir: string
  files: number
  seed: number
  linesPerSecond: number
}
const linesAtOnce = Math.max(1, Math.round((linesPerSecond / files / 1000) * TURN_MS))
let state = seed
const random = (): number => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return state / 2 ** 32
}
const padding = 'x'.repeat(80)

const writers = Array.from({ length: files }, (_, i) => {
  const kind = KINDS[i % KINDS.length]
  const name = `${kind}-${i}`
  const path = join(dir, `${name}.log`)
  return { kind, name, path, fd: openSync(path, 'a'), count: 0, rotations: 0 }
})

function write(writer: (typeof writers)[number]): void {
  const time = new Date().toISOString()
  let text = ''
  for (let i = 0; i < linesAtOnce; i++) text += `${time} stdout F ${writer.name} ${writer.count++} ${padding}\n`
  writeSync(writer.fd, text)
}

function rotate(writer: (typeof writers)[number]): void {
  const { kind, path } = writer
  const n = ++writer.rotations
  if (kind === 'copied') {
    copyFileSync(path, `${path}.${n}`)
    truncateSync(path)
  } else {
    renameSync(path, `${path}.${n}`)
    // Who writes notices later.
    write(writer)
    closeSync(writer.fd)
    writer.fd = openSync(path, 'a')
  }
  if (n > KEPT) rmSync(`${path}.${n - KEPT}`, { force: true })
}

const timer = setInterval(() => {
  for (const writer of writers) {
    write(writer)
    if (random() < 0.01) rotate(writer)
  }
}, TURN_MS)

process.on('message', () => {
  clearInterval(timer)
  const lines = Object.fromEntries(writers.map(({ name, count }) => [name, count]))
  const rotations = writers.reduce((sum, writer) => sum + writer.rotations, 0)
  const deleted = writers.reduce((sum, writer) => sum + Math.max(0, writer.rotations - KEPT), 0)
  process.send!({ lines, rotations, deleted } satisfies Written)
  process.disconnect()
})
