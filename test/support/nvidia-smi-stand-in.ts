import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from './temporary-directory.ts'

/** What the stand-in does when it is asked for one thing. */
export interface Behaviour {
  readonly stdout?: string
  readonly stderr?: string
  readonly status?: number
  /** Seconds before it answers. */
  readonly delay?: number
  /** Never answers and does not listen to SIGTERM: by itself, or in a child that holds its pipes while it is killed or gone. */
  readonly hang?: 'itself' | 'child' | 'child, and gone'
  /** A word that it writes to the file `said` when it answers, after the time in milliseconds. */
  readonly mark?: string
  /** Kills itself after it has spoken. */
  readonly suicide?: boolean
}

/** What may be asked; `any` answers what has no answer of its own. */
export type Question = 'help-query-gpu' | 'query-gpu' | 'query-compute-apps' | 'L' | 'x' | 'nvlink' | 'any'

/** A program in the place of nvidia-smi that does what the files beside it say, which may change while it is in use. */
export interface StandIn {
  readonly command: string
  readonly folder: string
  set(question: Question, behaviour: Behaviour | undefined): void
  /** Puts the program away, or back, as an upgrade of the driver does. */
  remove(): void
  restore(): void
}

// `exec` keeps it one process, so that tests may count; every start leaves a line in `starts`.
const SCRIPT = `#!/bin/sh
here=\${0%/*}
echo "$$ $*" >>"$here/starts"
case "$*" in
  *--help-query-gpu*) what=help-query-gpu ;;
  *--query-gpu=*) what=query-gpu ;;
  *--query-compute-apps=*) what=query-compute-apps ;;
  nvlink*) what=nvlink ;;
  *-x*) what=x ;;
  *-L*) what=L ;;
  *) what=any ;;
esac
[ -f "$here/$what.do" ] || what=any
[ -f "$here/$what.do" ] || exit 1
. "$here/$what.do"
`

export function openStandIn(): StandIn {
  const folder = temporaryDirectory()
  const command = join(folder, 'nvidia-smi')
  const restore = (): void => {
    writeFileSync(command, SCRIPT)
    chmodSync(command, 0o755)
  }
  restore()
  return {
    command,
    folder,
    set(question, behaviour) {
      const file = join(folder, `${question}.do`)
      if (behaviour === undefined) return rmSync(file, { force: true })
      // Put in place whole, because it may be read at any time.
      const place = mkdtempSync(join(folder, 'said-'))
      mkdirSync(place, { recursive: true })
      writeFileSync(join(place, 'stdout'), behaviour.stdout ?? '')
      writeFileSync(join(place, 'stderr'), behaviour.stderr ?? '')
      writeFileSync(join(place, 'do'), steps(place, behaviour))
      renameSync(join(place, 'do'), file)
    },
    remove: () => rmSync(command),
    restore
  }
}

function steps(place: string, { status = 0, delay, hang, mark, suicide, stdout, stderr }: Behaviour): string {
  const lines: string[] = []
  if (delay !== undefined) lines.push(`sleep ${delay}`)
  if (mark !== undefined) lines.push(`echo "$(date +%s%3N) ${mark}" >>"$here/said"`)
  if (stdout) lines.push(`cat '${place}/stdout'`)
  if (stderr) lines.push(`cat '${place}/stderr' >&2`)
  if (hang === 'itself') lines.push(`trap '' TERM; exec sleep 1000`)
  if (hang === 'child') lines.push(`(trap '' TERM; exec sleep 1000) & wait`)
  if (hang === 'child, and gone') lines.push(`(trap '' TERM; exec sleep 1000) &`)
  if (suicide) lines.push('kill -9 $$')
  lines.push(`exit ${status}`)
  return `${lines.join('\n')}\n`
}
