import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { CLIENT, CONSUMER, databaseType, namesOf, PRODUCER, SERVER } from '../../src/datadog/naming.ts'

type Attributes = Readonly<Record<string, string>>

const INTERNAL = 1
const named = (kind: number, attributes: Attributes, name = 'a span') =>
  namesOf((...keys) => keys.map((key) => attributes[key]).find((value) => value !== undefined), kind, name)

test('spans are called as the Agent calls them', () => {
  const f = (kind: number, attributes: Attributes, operation: string, resource: string, type: string): void => {
    const names = named(kind, attributes)
    deepStrictEqual([names.operation, names.resource, names.type], [operation, resource, type])
  }
  f(SERVER, { 'http.request.method': 'GET', 'http.route': '/a/{id}' }, 'http.server.request', 'GET /a/{id}', 'web')
  f(SERVER, { 'http.method': 'GET' }, 'http.server.request', 'GET', 'web')
  f(SERVER, { 'http.request.method': '_OTHER', 'http.route': '/a' }, 'http.server.request', 'HTTP /a', 'web')
  f(CLIENT, { 'http.request.method': 'GET', 'http.route': '/a' }, 'http.client.request', 'GET', 'http')
  f(CLIENT, { 'db.system.name': 'postgresql', 'db.query.text': 'SELECT 1' }, 'postgresql.query', 'SELECT ?', 'sql')
  f(CLIENT, { 'db.system': 'redis', 'db.statement': 'GET key:17' }, 'redis.query', 'GET', 'redis')
  f(CLIENT, { 'db.system': 'dynamodb' }, 'dynamodb.query', 'a span', 'db')
  f(
    PRODUCER,
    { 'messaging.system': 'kafka', 'messaging.operation.type': 'send', 'messaging.destination.name': 'jobs' },
    'kafka.send',
    'send jobs',
    'custom'
  )
  f(CONSUMER, { 'messaging.system': 'kafka', 'messaging.operation': 'process' }, 'kafka.process', 'process', 'custom')
  f(INTERNAL, { 'messaging.system': 'kafka', 'messaging.operation': 'process' }, 'Internal', 'process', 'custom')
  f(SERVER, { 'rpc.system': 'grpc', 'rpc.method': 'Run', 'rpc.service': 'Jobs' }, 'grpc.server.request', 'Run Jobs', 'web')
  f(CLIENT, { 'rpc.system': 'grpc', 'rpc.method': 'Run' }, 'grpc.client.request', 'Run', 'http')
  f(CLIENT, { 'rpc.system': 'aws-api', 'rpc.service': 'S3' }, 'aws.S3.request', 'a span', 'http')
  f(CLIENT, { 'rpc.system': 'aws-api' }, 'aws.client.request', 'a span', 'http')
  f(CLIENT, { 'faas.invoked_provider': 'aws', 'faas.invoked_name': 'mux' }, 'aws.mux.invoke', 'a span', 'http')
  f(SERVER, { 'faas.trigger': 'timer' }, 'timer.invoke', 'a span', 'web')
  f(INTERNAL, { 'graphql.operation.type': 'query', 'graphql.operation.name': 'Voices' }, 'graphql.server.request', 'query Voices', 'custom')
  f(SERVER, { 'network.protocol.name': 'amqp' }, 'amqp.server.request', 'a span', 'web')
  f(CLIENT, {}, 'client.request', 'a span', 'http')
  f(INTERNAL, {}, 'Internal', 'a span', 'custom')
  f(PRODUCER, {}, 'Producer', 'a span', 'custom')
  f(SERVER, { 'operation.name': 'o', 'resource.name': 'r', 'span.type': 't', 'http.request.method': 'GET' }, 'o', 'r', 't')
})

test('names are never empty, and never too long', () => {
  strictEqual(named(SERVER, {}).service, 'otlpresourcenoservicename')
  strictEqual(named(SERVER, { 'service.name': 'worker' }).service, 'worker')
  strictEqual(named(INTERNAL, {}, '').resource, 'unnamed')
  const long = named(SERVER, { 'service.name': 's'.repeat(200), 'operation.name': 'o'.repeat(200), 'resource.name': 'r'.repeat(6000) })
  deepStrictEqual([long.service.length, long.operation.length, long.resource.length], [100, 100, 5000])
})

test('databases are of a type', () => {
  const f = (system: string, type: string): void => strictEqual(databaseType(system), type)
  f('mysql', 'sql')
  f('mongodb', 'mongodb')
  f('couchdb', 'db')
})
