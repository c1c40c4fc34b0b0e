import { join } from 'node:path'
import { test } from 'node:test'
import { checkClient } from './clients.ts'
import { pythonPackages } from './python-packages.ts'

const SOURCES = join(import.meta.dirname, 'python')

const { skip, bin } = pythonPackages('python', SOURCES, 'the OpenTelemetry SDK for Python')

for (const protocol of ['http/protobuf', 'grpc'] as const)
  test(`the OpenTelemetry SDK for Python over ${protocol}`, { skip, timeout: 300_000 }, (t) =>
    checkClient(t, protocol, join(bin, 'python'), [join(SOURCES, 'client.py')])
  )
