import { match, rejects } from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { startGateway } from '../support/gateway-process.ts'

test('a port that is taken ends the start, whichever receiver wants it, and names the option', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  for (const [receiver, option] of [
    ['otlp: { http: 127.0.0.1:PORT, grpc: 127.0.0.1:0 }', 'receivers.otlp.http'],
    ['logs: { tcp: 127.0.0.1:0, syslog: 127.0.0.1:PORT, fluent: 127.0.0.1:0 }', 'receivers.logs.syslog'],
    ['datadog: { agent: 127.0.0.1:PORT, dogstatsd: 127.0.0.1:0, whenTaken: fail }', 'receivers.datadog.agent']
  ]) {
    const others = ['otlp: { http: 127.0.0.1:0, grpc: 127.0.0.1:0 }', 'logs: off', 'datadog: off'].filter(
      (other) => !other.startsWith(receiver.split(':')[0])
    )
    const yaml = `receivers: { ${[...others, receiver.replace('PORT', `${port}`)].join(', ')} }\nadmin: { listen: 127.0.0.1:0 }\n`
    await rejects(startGateway(t, { yaml }), (error: Error) => {
      match(error.message, /^the gateway ended with 1: /)
      match(error.message, new RegExp(`${option}: cannot listen on 127.0.0.1:${port}: the address is in use`))
      return true
    })
  }
})
