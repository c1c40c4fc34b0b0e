import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkClient, failureOf, isHere, madeOnce } from './clients.ts'

const SOURCES = join(import.meta.dirname, 'python')

let skip: string | false = isHere('python3', '-m', 'venv', '--help') ? false : 'SKIPPED: there is no python3 with venv here'
let python = ''
if (skip === false) {
  try {
    const dir = madeOnce('python', SOURCES, (dir) => {
      execFileSync('python3', ['-m', 'venv', dir], { stdio: 'pipe' })
      execFileSync(join(dir, 'bin', 'pip'), ['install', '--quiet', '--requirement', join(SOURCES, 'requirements.txt')], { stdio: 'pipe' })
    })
    python = join(dir, 'bin', 'python')
  } catch (error) {
    skip = `SKIPPED: the OpenTelemetry SDK for Python could not be installed: ${failureOf(error)}`
  }
}

for (const protocol of ['http/protobuf', 'grpc'] as const)
  test(`the OpenTelemetry SDK for Python over ${protocol}`, { skip, timeout: 300_000 }, (t) =>
    checkClient(t, protocol, python, [join(SOURCES, 'client.py')])
  )
