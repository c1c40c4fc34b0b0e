import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { errors } from '../../../src/processors/errors/errors.ts'
import { normalMessage, normalName } from '../../../src/processors/errors/normalise.ts'
import { Pattern } from '../../../src/processors/errors/pattern.ts'
import { cpuMs } from '../../support/cpu-time.ts'
import { type Attributes, exception, keyValues, open, span, traces } from './support.ts'

function fingerprint(type: string, message: string, attributes: Attributes = {}, options: object = {}, kind = 1): unknown {
  const [sent] = open(options).take(traces([span({ kind, attributes: keyValues(attributes), events: exception(type, message) })]))
  return sent.attributes['error.fingerprint']
}

test('the rules that come along', () => {
  const f = (type: string, message: string, expected: string[] | undefined, attributes: Attributes = {}, kind = 1): void =>
    deepStrictEqual(fingerprint(type, message, attributes, {}, kind), expected, `${type}: ${message}`)
  const model = { 'gen_ai.request.model': 'whisper-large-v3' }
  f('ValueError', 'bad input 12', undefined)
  f('ValueError', 'bad input 12', ['inference-failure', 'whisper-large-v3', 'ValueError'], model)
  f('ValueError', 'x', ['inference-failure', 'xtts', 'ValueError'], { 'model.name': '/models/9f8e7d6c5b4a/xtts' })

  const tried = 'CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 79.10 GiB of which 5.25 MiB is free.'
  f('torch.OutOfMemoryError', tried, ['out-of-memory', 'device', 'whisper-large-v3'], model)
  f('OutOfMemoryError', tried, ['out-of-memory', 'device'])
  f('RuntimeError', 'CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported', ['out-of-memory', 'device'])
  f('jaxlib.xla_extension.XlaRuntimeError', 'RESOURCE_EXHAUSTED: Out of memory while trying to allocate 123 bytes.', [
    'out-of-memory',
    'device'
  ])
  f('java.lang.OutOfMemoryError', 'Java heap space', ['out-of-memory', 'host'])
  f('MemoryError', 'Unable to allocate 7.45 GiB for an array with shape (1000000000,)', ['out-of-memory', 'host'])
  f('OSError', '[Errno 12] Cannot allocate memory', ['out-of-memory', 'host'])

  const illegal = ['cuda', 'illegal-address']
  f('RuntimeError', 'CUDA error: an illegal memory access was encountered\nFor debugging consider passing CUDA_LAUNCH_BLOCKING=1', illegal)
  f('cupy_backends.cuda.api.runtime.CUDARuntimeError', 'cudaErrorIllegalAddress: an illegal memory access was encountered', illegal)
  f('RuntimeError', 'CUDA driver error: CUDA_ERROR_ILLEGAL_ADDRESS (700)', illegal)
  f('RuntimeError', 'Triton Error [CUDA]: an illegal memory access was encountered', illegal)
  f('RuntimeError', 'CUDA error: device-side assert triggered', ['cuda', 'assert'], model)
  const asserted =
    'Indexing.cu:1290: indexSelectLargeIndex: block: [3,0,0], thread: [7,0,0] Assertion failed. CUDA error: device-side assert triggered'
  f('RuntimeError', asserted, ['cuda', 'assert', 'indexSelectLargeIndex'])
  f('RuntimeError', 'cuDNN error: CUDNN_STATUS_EXECUTION_FAILED', ['cuda', 'cudnn-execution-failed'])
  f('RuntimeError', 'CUDA error: unspecified launch failure', ['cuda', 'launch-failure', 'flash_fwd_kernel'], {
    'gpu.kernel.name': 'flash_fwd_kernel'
  })

  const watchdog = (rank: number): string =>
    `[Rank ${rank}] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=${rank}912, OpType=ALLREDUCE, NumelIn=1048576, Timeout(ms)=600000) ran for 600${rank} milliseconds before timing out.`
  f('torch.distributed.DistBackendError', watchdog(3), ['nccl', 'timeout', 'allreduce'])
  f('RuntimeError', 'NCCL error in: ../ProcessGroupNCCL.cpp:1269, unhandled cuda error, NCCL version 2.18.1', [
    'nccl',
    'unhandled-cuda-error'
  ])
  f('RuntimeError', 'ncclSystemError: System call (e.g. socket, malloc) or external library call failed', ['nccl', 'system-error'])
  f('DistBackendError', 'ncclRemoteError: A call failed possibly due to a network error or a remote process exiting prematurely.', [
    'nccl',
    'remote-error'
  ])
  f('RuntimeError', 'NVRM: Xid (PCI:0000:3b:00): 79, pid=1234', ['gpu-xid', '79'])

  const postgres = { 'db.system': 'postgresql', 'db.operation': 'INSERT' }
  f(
    'psycopg.errors.UniqueViolation',
    'duplicate key value "17"',
    ['database', 'postgresql', 'INSERT', 'psycopg.errors.UniqueViolation'],
    postgres,
    3
  )
  f('E', 'x', ['database', 'mysql', 'SELECT', '1213'], {
    'db.system.name': 'mysql',
    'db.operation.name': 'SELECT',
    'db.response.status_code': '1213'
  })
  f('PDOException', 'SQLSTATE[23505]: Unique violation: 7 ERROR', ['database', '23505'])
  f('sqlalchemy.exc.OperationalError', 'server closed the connection', ['database', 'sqlalchemy.exc.OperationalError'])

  f('OSError', "[Errno 28] No space left on device: '/data/a.wav'", ['storage', 'disk', 'no-space'])
  f('Error', "EROFS: read-only file system, open '/data'", ['storage', 'disk', 'read-only'])
  f('botocore.exceptions.ClientError', 'An error occurred (NoSuchKey) when calling the GetObject operation', ['storage', 's3', 'NoSuchKey'])
  f('google.api_core.exceptions.NotFound', '404 GET https://storage', ['storage', 'gcs', 'google.api_core.exceptions.NotFound'])

  f('redis.exceptions.ConnectionError', 'Error 111 connecting to redis:6379', ['queue', 'redis', 'redis.exceptions.ConnectionError'])
  f('kombu.exceptions.OperationalError', '[Errno 111] Connection refused', ['queue', 'celery', 'kombu.exceptions.OperationalError'])
  f('Error', 'gone', ['queue', 'kafka', 'send', 'Error'], { 'messaging.system': 'kafka', 'messaging.operation.type': 'send' }, 4)
  f('ReplyError', 'x', ['queue', 'redis', 'ReplyError'], { 'db.system': 'redis' }, 3)
  // What fails while a job is worked on is no failure of the queue.
  f('ValueError', 'x', undefined, { 'messaging.system': 'kafka' }, 5)
})

test('512 ranks that fail alike are one group, and so few errors', () => {
  const { take, metrics } = open()
  const list = Array.from({ length: 512 }, (_, rank) =>
    span({
      traceId: `${rank + 1}`.padStart(32, '0'),
      events: exception(
        'torch.distributed.DistBackendError',
        `[Rank ${rank}] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=${rank * 7}, OpType=ALLREDUCE)`
      )
    })
  )
  const sent = take(traces(list))
  strictEqual(sent.length, 30)
  strictEqual(new Set(sent.map(({ attributes }) => JSON.stringify(attributes['error.fingerprint']))).size, 1)
  ok(metrics.families().some(({ name, samples }) => name === 'sluice_errors_groups' && samples[0].value === 1))
})

test('rules of the configuration come first, and the others can be switched off', () => {
  const rule = (when: object[], parts: string[]): object => ({ grouping: { rules: [{ name: 'mine', when, fingerprint: parts }] } })
  const f = (options: object, expected: unknown): void =>
    deepStrictEqual(
      fingerprint(
        'ffmpeg.Error',
        'exit 187 of "/tmp/a b"',
        { stage: 'mux', 'job.id': 'a8098c1a-f86e-11da-bd1a-00112444be1e', n: 4 },
        options
      ),
      expected
    )
  f(rule([{ field: 'type', matches: ['FFMPEG.*'] }], ['mux', '{type}']), ['mux', 'ffmpeg.Error'])
  f(
    rule(
      [
        { field: 'type', matches: ['x', '*error'] },
        { field: 'stage', matches: ['mux'] }
      ],
      ['{message}', '{stage}']
    ),
    ['exit * of *', 'mux']
  )
  f(rule([{ field: 'none|stage', matches: ['*'] }], ['{none|stage}', '{job.id}', '{n}', '{none}']), ['mux', '*', '4'])
  f(rule([{ field: 'type', matches: ['ffmpeg'] }], ['a']), undefined)
  f(
    rule(
      [
        { field: 'stage', matches: ['mux'] },
        { field: 'service', matches: ['web'] }
      ],
      ['a']
    ),
    undefined
  )
  f(
    rule(
      [
        { field: 'span.name', matches: ['wor*'] },
        { field: 'span.kind', matches: ['internal'] }
      ],
      ['{service}']
    ),
    ['worker']
  )
  deepStrictEqual(fingerprint('KeyError', 'x', { model: 'm' }, { grouping: { defaults: false } }), undefined)
})

test('a rule that cannot work is refused', () => {
  const f = (rule: object): void => strictEqual(z.strictObject(errors.options).safeParse({ grouping: { rules: [rule] } }).success, false)
  f({ when: [], fingerprint: [] })
  f({ when: [{ field: 'type', matches: ['x'.repeat(300)] }], fingerprint: ['a'] })
  f({ when: [], fingerprint: ['a'], pattern: 'x' })
})

test('a pattern matches the whole text, with * for any', () => {
  const f = (pattern: string, text: string, expected: boolean): void => strictEqual(new Pattern(pattern).matches(text), expected)
  f('abc', 'abc', true)
  f('ABC', 'abc', true)
  f('abc', 'abcd', false)
  f('*', '', true)
  f('a*', 'abc', true)
  f('*c', 'abc', true)
  f('*b*', 'abc', true)
  f('a*a', 'a', false)
  f('a*b*c', 'a-b-b-c', true)
  f('a*b*c', 'a-c-b', false)
  f('*ab*ab', 'abab', true)
  f('*ab*ab', 'aab', false)
})

test('a pattern says what a regular expression says', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '*') })
  fc.assert(
    fc.property(text, fc.string({ unit: fc.constantFrom('a', 'b') }), (pattern, held) => {
      const expression = new RegExp(`^${pattern.replace(/\*+/g, '.*')}$`)
      strictEqual(new Pattern(pattern).matches(held), expression.test(held))
    })
  )
})

test('messages and names lose what differs from case to case', () => {
  const f = (normal: (text: string) => string, text: string, expected: string): void => strictEqual(normal(text), expected)
  f(normalMessage, 'user 42 not found in "projects/7"', 'user * not found in *')
  f(normalMessage, "can't open '/data/a.wav', don't retry", "can't open *, don't retry")
  f(normalMessage, 'GET https://a.b/c?d=1 gave 503', 'GET * gave *')
  f(normalMessage, 'job a8098c1a-f86e-11da-bd1a-00112444be1e at 0x7f3a2b', 'job * at *')
  f(normalMessage, 'no deadbeef1234 here, decade', 'no * here, decade')
  f(normalMessage, '/var/lib/app/12/file.txt is gone', '* is gone')
  f(normalName, 'whisper-large-v3', 'whisper-large-v3')
  f(normalName, '/models/llama-3.1-70b', 'llama-3.1-70b')
  f(normalName, 's3://bucket/key/xtts', 'xtts')
  f(normalName, 'worker-20240131', 'worker-*')
  f(normalName, 'a8098c1a-f86e-11da-bd1a-00112444be1e', '*')
})

test('no text makes a group take long', () => {
  for (const piece of [
    'a',
    '0',
    '/',
    '"',
    "'",
    'ab1',
    'CUDA error ',
    'nccl',
    '/a',
    ' (',
    'kernel ',
    'SQLSTATE(',
    'An error occurred (',
    'f: ',
    '<',
    '::',
    '\n'
  ]) {
    const message = piece.repeat(Math.ceil(16_000 / piece.length))
    const tookMs = cpuMs(() => fingerprint(message.slice(0, 400), message))
    ok(tookMs < 250, `${piece}: ${tookMs} ms`)
  }
})
