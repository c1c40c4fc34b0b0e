import { strictEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { later } from '../src/component.ts'
import { components } from '../src/components.ts'
import { host } from './support/host.ts'

test('what is loaded later is loaded once, and missed by who does not wait', async () => {
  let loads = 0
  const parts = later(async () => ({ number: ++loads }))
  throws(() => parts.loaded, /created before it was prepared/)
  strictEqual(loads, 0)
  await parts.load()
  await parts.load()
  strictEqual(parts.loaded.number, 1)
})

test('what few gateways run is not loaded by the list of components', () => {
  const { receivers, processors, exporters } = components
  for (const [definitions, types] of [
    [receivers, ['files', 'kernel']],
    [processors, ['errors']],
    [exporters, ['sentry', 'datadog']]
  ] as const)
    for (const type of types) {
      const definition = definitions.find((other) => other.type === type)
      throws(() => definition?.create({} as never, host()), /before it was prepared/, type)
    }
})
