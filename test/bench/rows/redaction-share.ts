// Which part of the gateway's work is the search for secrets, in its whole pipeline on traces.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runLoad } from '../contest.ts'
import type { Row, Settings } from '../figures.ts'
import { FROM_SOURCE, startGateway } from '../gateway.ts'
import { startHere, withStage } from '../stage.ts'

/** Machine code is made during the first seconds; they are part of the profile, so that it is to be longer than they are. */
const WARM_SECONDS = 2
const INTERVAL_US = 400

interface Profile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { functionName: string; url: string }
    readonly children?: number[]
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

export const redactionShare: Row = {
  name: 'redaction-share',
  async measure(settings) {
    const values: number[] = []
    for (let round = 0; round < settings.rounds; round++) values.push(100 * shareOf(await profileOf(settings), '/processors/redact/'))
    return [
      {
        row: 'redaction-share',
        subject: 'redact, of the main thread’s work on traces, 10 % kept',
        unit: '%',
        values,
        budget: { of: 'value', bound: 'at most', limit: 10 }
      }
    ]
  }
}

// What the gateway's main thread did under the load of the row `http`.
async function profileOf({ seconds }: Settings): Promise<Profile> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-bench-profile-'))
  try {
    await withStage(async (begin) => {
      const sink = await begin(startHere('sink.ts'))
      const profiled = { ...FROM_SOURCE.env, NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${dir} --cpu-prof-interval=${INTERVAL_US}` }
      const gateway = await begin(startGateway(sink.port, { ...FROM_SOURCE, env: profiled }))
      const shape = { transport: 'http', connections: 16, streams: 1, items: 256, gzip: false, signal: 'traces', rate: 0 } as const
      await runLoad({ ...shape, port: gateway.http, seconds: WARM_SECONDS + seconds })
    })
    // Worker threads write profiles as well; the main thread's is the one that knows the entry.
    const profiles = readdirSync(dir).map((file) => JSON.parse(readFileSync(join(dir, file), 'utf8')) as Profile)
    const main = profiles.find(({ nodes }) => nodes.some(({ callFrame }) => callFrame.url.endsWith('/src/pipeline.ts')))
    if (main === undefined) throw new Error('the gateway left no profile')
    return main
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

// The time below files whose URL contains `part`, of all the time that was not idle.
function shareOf({ nodes, samples, timeDeltas }: Profile, part: string): number {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const inside = new Set<number>()
  const visit = (id: number, isInside: boolean): void => {
    const { callFrame, children = [] } = byId.get(id)!
    const isIn = isInside || callFrame.url.includes(part)
    if (isIn) inside.add(id)
    for (const child of children) visit(child, isIn)
  }
  visit(nodes[0].id, false)
  let busy = 0
  let within = 0
  for (const [i, id] of samples.entries()) {
    if (byId.get(id)!.callFrame.functionName === '(idle)') continue
    busy += timeDeltas[i]
    if (inside.has(id)) within += timeDeltas[i]
  }
  return within / busy
}
