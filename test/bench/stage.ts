import { join } from 'node:path'
import { type Running, start } from './processes.ts'

/** Waits for a program to serve, and sees to it that it ends; `after` runs when it has. */
export type Begin = <T extends Pick<Running, 'end'>>(starting: Promise<T>, after?: () => void) => Promise<T>

/** Runs a scene and ends whatever it began, the last first. */
export async function withStage<T>(scene: (begin: Begin) => Promise<T>): Promise<T> {
  const ends: (() => Promise<void> | void)[] = []
  try {
    return await scene(async (starting, after) => {
      if (after !== undefined) ends.push(after)
      const begun = await starting
      ends.push(() => begun.end())
      return begun
    })
  } finally {
    for (const end of ends.reverse()) await end()
  }
}

/** Starts one of the servers beside this file. */
export async function startHere(file: string, args: readonly string[] = []): Promise<Running & { port: number }> {
  const running = await start({ command: process.execPath, args: [join(import.meta.dirname, file), ...args], ready: /^port \d+$/ })
  return { ...running, port: Number(running.said.slice('port '.length)) }
}
