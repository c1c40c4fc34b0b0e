import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { failureOf, isHere, madeOnce } from './clients.ts'

/** Where the programs of Python's packages are, or why they cannot be had. */
export type PythonPackages = { readonly skip: string; readonly bin: '' } | { readonly skip: false; readonly bin: string }

/** The packages that `requirements.txt` in `sources` names, in an environment of their own that is kept for the next run. `what` they are, for people. */
export function pythonPackages(name: string, sources: string, what: string): PythonPackages {
  if (!isHere('python3', '-m', 'venv', '--help')) return { skip: 'SKIPPED: there is no python3 with venv here', bin: '' }
  try {
    const dir = madeOnce(name, sources, (dir) => {
      execFileSync('python3', ['-m', 'venv', dir], { stdio: 'pipe' })
      execFileSync(join(dir, 'bin', 'pip'), ['install', '--quiet', '--requirement', join(sources, 'requirements.txt')], { stdio: 'pipe' })
    })
    return { skip: false, bin: join(dir, 'bin') }
  } catch (error) {
    return { skip: `SKIPPED: ${what} could not be installed: ${failureOf(error)}`, bin: '' }
  }
}
