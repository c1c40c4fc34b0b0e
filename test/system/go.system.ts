import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkClient, failureOf, isHere, madeOnce } from './clients.ts'

const SOURCES = join(import.meta.dirname, 'go')

let skip: string | false = isHere('go', 'version') ? false : 'SKIPPED: there is no go here'
let client = ''
if (skip === false) {
  try {
    const dir = madeOnce('go', SOURCES, (dir) => {
      execFileSync('go', ['build', '-o', join(dir, 'client'), '.'], { cwd: SOURCES, stdio: 'pipe' })
    })
    client = join(dir, 'client')
  } catch (error) {
    skip = `SKIPPED: the OpenTelemetry SDK for Go could not be built: ${failureOf(error)}`
  }
}

for (const protocol of ['http/protobuf', 'grpc'] as const)
  test(`the OpenTelemetry SDK for Go over ${protocol}`, { skip, timeout: 300_000 }, (t) => checkClient(t, protocol, client, []))
