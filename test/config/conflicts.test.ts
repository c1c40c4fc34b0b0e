import { deepStrictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { listenedTwice } from '../../src/config/conflicts.ts'
import { addresses } from '../../src/config/schema.ts'

const shape = {
  tcp: addresses({ default: 'off', doc: 'Connections.' }),
  udp: addresses({ default: 'off', listens: 'datagrams', doc: 'Datagrams.' }),
  both: addresses({ default: 'off', listens: 'both', doc: 'Both.' })
}

test('a port is listened on once for connections, and once for datagrams', () => {
  const f = (options: object, ...expected: string[]): void => {
    const part = { path: 'receivers.logs', shape, tree: undefined, options: z.strictObject(shape).parse(options) }
    deepStrictEqual(
      listenedTwice([part]).map(({ path, came }) => `${path} ${came}`),
      expected
    )
  }
  f({ tcp: ':1', udp: ':1' })
  f({ tcp: [':1', ':1'] }, 'receivers.logs.tcp the address of receivers.logs.tcp (default)')
  f({ udp: ['127.0.0.1:1', ':1'] }, 'receivers.logs.udp the address of receivers.logs.udp (default)')
  f({ tcp: ':1', both: ':1' }, 'receivers.logs.both the address of receivers.logs.tcp (default)')
  f({ udp: ':1', both: ':1' }, 'receivers.logs.both the address of receivers.logs.udp (default)')
  f({ tcp: 'unix:/a', udp: 'unix:/a' }, 'receivers.logs.udp the address of receivers.logs.tcp (default)')
})
