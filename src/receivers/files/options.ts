import { choice, duration, integer, list, map, size, text } from '../../config/schema.ts'
import { collectorOptions } from '../../logs/collector-options.ts'
import { LOG_FORMATS } from '../../logs/log-source.ts'

/** What may stand around the lines of a file: what a container runtime puts there, nothing, or whatever is found. */
const WRAPPINGS = ['auto', 'cri', 'docker', 'plain'] as const
export type Wrapping = (typeof WRAPPINGS)[number]

const START_AT = ['auto', 'beginning', 'end'] as const
export type StartAt = (typeof START_AT)[number]

export const options = {
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
  openMax: integer({
    default: 8_192,
    min: 16,
    doc: 'Files that are held open; those that wait for something to be read, or for their turn, are closed for others.'
  }),
  ...collectorOptions,
  pendingMax: size({ default: '8MiB', min: '64KiB', doc: 'What may be read and not durable yet; above it, reading waits.' })
}
