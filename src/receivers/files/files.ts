import { defineReceiver } from '../../component.ts'
import { choice, duration, integer, list, map, size, text } from '../../config/schema.ts'
import { openCollector } from '../../logs/collector.ts'
import type { LogCollector } from '../../logs/log-collector.ts'
import { LOG_FORMATS, type LogFormat } from '../../logs/log-source.ts'
import { Checkpoints } from './checkpoints.ts'
import { FileCounts } from './counts.ts'
import { START_AT } from './discovery.ts'
import { WRAPPINGS } from './file-lines.ts'
import { Follower, type FollowerSettings } from './follower.ts'
import { matcherOf } from './glob.ts'
import { succeed } from './succession.ts'

/** Files that are remembered, as a multiple of those that are followed: those that were rotated count too. */
const REMEMBERED = 4

/** Follows log files, above all those of a node's containers: from where it was, through rotations and restarts. */
export const files = defineReceiver({
  type: 'files',
  summary: 'Follow log files, as those of the containers of a node, through rotations and restarts.',
  onByDefault: false,
  options: {
    include: list(text({ doc: 'A glob.' }), {
      default: ['/var/log/pods/*/*/*.log'],
      doc: 'Globs of the files to follow: * and ? within a name, ** for directories, [a-z], {a,b}. Rotated files need not match.'
    }),
    exclude: list(text({ doc: 'A glob.' }), { doc: 'Globs of files not to follow; one without a slash is for names.' }),
    wrapping: choice(WRAPPINGS, {
      default: 'auto',
      doc: 'What stands around each line: cri and docker are what container runtimes write, plain is nothing; auto looks at each.'
    }),
    format: choice(LOG_FORMATS, { default: 'auto', doc: 'How lines are read; auto looks at each.' }),
    formats: map(choice(LOG_FORMATS, { default: 'auto', doc: 'How lines are read.' }), {
      doc: 'The same for the files of a glob, in place of format.'
    }),
    startAt: choice(START_AT, {
      default: 'auto',
      doc: 'Where to start in files that are there at the first start; auto is the beginning for files of containers, and the end for others.'
    }),
    ignoreOlder: duration({
      default: '24h',
      doc: 'Files that were not written for so long when they are first seen are followed from their end only.'
    }),
    pollInterval: duration({
      default: '250ms',
      min: '10ms',
      max: '1m',
      doc: 'How often to look at files that change; quiet ones up to 5s.'
    }),
    filesMax: integer({ default: 10_000, min: 1, max: 100_000, doc: 'Files that are followed at once.' }),
    openMax: integer({ default: 8_192, min: 16, doc: 'Files that are held open; those read to their end are closed for others.' }),
    lineMax: size({
      default: '256KiB',
      min: '256B',
      max: '16MiB',
      doc: 'The longest line, or record of several lines; longer ones are cut and marked.'
    }),
    joinWithin: duration({ default: '1s', min: '10ms', max: '1m', doc: 'How far apart the lines of one stack trace may come.' }),
    batchMax: size({ default: '512KiB', min: '1KiB', max: '16MiB', doc: 'A batch of records goes on when it has this many bytes.' }),
    batchDelay: duration({
      default: '200ms',
      min: '1ms',
      max: '1m',
      doc: 'A batch of records goes on when the first of them has waited this long.'
    }),
    pendingMax: size({ default: '8MiB', min: '64KiB', doc: 'What may be read and not durable yet; above it, reading waits.' })
  },
  create: (options, host) => {
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
})

function formatsOf(formats: Readonly<Record<string, LogFormat>>, otherwise: LogFormat): (path: string) => LogFormat {
  const rules = Object.entries(formats).map(([glob, format]) => ({ matches: matcherOf([glob]), format }))
  return (path) => rules.find(({ matches }) => matches(path))?.format ?? otherwise
}
