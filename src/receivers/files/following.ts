import type { z } from 'zod'
import type { Host, Receiver } from '../../component.ts'
import { openCollector } from '../../logs/collector.ts'
import type { LogCollector } from '../../logs/log-collector.ts'
import type { LogFormat } from '../../logs/log-source.ts'
import { Checkpoints } from './checkpoints.ts'
import { FileCounts } from './counts.ts'
import { Follower, type FollowerSettings } from './follower.ts'
import { matcherOf } from './glob.ts'
import type { options as optionsOfFiles } from './options.ts'
import { succeed } from './succession.ts'

/** Files that are remembered, as a multiple of those that are followed: those that were rotated count too. */
const REMEMBERED = 4

/** What the receiver does, with one set of options. */
export function follow(options: z.output<z.ZodObject<typeof optionsOfFiles>>, host: Host): Receiver {
  const { lineMax, pendingMax, filesMax } = options
  const settings: FollowerSettings = {
    ...options,
    formatOf: formatsOf(options.formats, options.format),
    ignoreOlderMs: options.ignoreOlder,
    pollIntervalMs: options.pollInterval,
    lineBytesMax: lineMax,
    partCharactersMax: pendingMax
  }
  const counts = new FileCounts(host)
  const checkpoints = new Checkpoints(host, counts, options.include)
  let running: { follower: Follower; collector: LogCollector } | null = null
  const state = () => ({
    ...(running?.follower.state() ?? { watched: 0, open: 0, waiting: 0, lagBytes: 0 }),
    checkpointAgeMs: checkpoints.ageMs
  })

  const succession = succeed(host, {
    async begin(push, before) {
      const positions = await checkpoints.load(before, filesMax * REMEMBERED)
      const collector = openCollector(
        host,
        'files',
        {
          batchBytes: options.batchMax,
          delayMs: options.batchDelay,
          pendingBytesMax: pendingMax,
          joinWithinMs: options.joinWithin,
          lineBytesMax: lineMax
        },
        push
      )
      const follower = new Follower(settings, collector, positions, counts, () => checkpoints.save())
      running = { follower, collector }
      counts.show(state)
      await follower.start()
    },
    async end() {
      if (running === null) return null
      const { follower, collector } = running
      await follower.stop(host.stateDir === undefined)
      await collector.stop()
      follower.close()
      counts.hide(state)
      return await checkpoints.end()
    }
  })
  return { addresses: {}, start: succession.start, stop: succession.stop }
}

function formatsOf(formats: Readonly<Record<string, LogFormat>>, otherwise: LogFormat): (path: string) => LogFormat {
  const rules = Object.entries(formats).map(([glob, format]) => ({ matches: matcherOf([glob]), format }))
  return (path) => rules.find(({ matches }) => matches(path))?.format ?? otherwise
}
