import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { kindOf } from '../../src/config/kinds.ts'
import { addresses, duration, group, list, map, maybe, number, secret, size, text, url } from '../../src/config/schema.ts'

const doc = 'A thing.'

test('an option keeps its kind through whatever is wrapped around it', () => {
  const f = (type: z.ZodType, name: string, required: boolean, preset: unknown) => {
    const kind = kindOf(type)
    deepStrictEqual([kind.name, kind.required, kind.preset], [name, required, preset])
  }
  f(text({ doc }), 'text', true, undefined)
  f(text({ doc, default: 'a' }), 'text', false, 'a')
  f(maybe(url({ doc })), 'url', false, undefined)
  f(maybe(secret({ doc })), 'secret', false, undefined)
  f(
    map(text({ doc }), { doc }).superRefine(() => undefined),
    'map',
    false,
    {}
  )
  f(
    url({ doc }).refine(() => true),
    'url',
    true,
    undefined
  )
  f(group({}, { doc }), 'group', false, undefined)
  f(addresses({ doc, default: ':1' }), 'list', false, ':1')
  f(z.array(z.string()), 'list', true, undefined)
  f(z.number().optional(), 'number', false, undefined)
  f(z.enum(['a', 'b']).default('a'), 'choice', false, 'a')
  f(z.string().transform(Number), 'text', true, undefined)
  strictEqual(kindOf(maybe(secret({ doc })).optional()).secret, true)
})

test('ranges are held, and said', () => {
  const f = (type: z.ZodType, input: unknown, expected: unknown) => {
    const result = type.safeParse(input)
    strictEqual(result.success ? result.data : undefined, expected, String(input))
  }
  const wait = duration({ doc, default: '1s', min: '100ms', max: '1h' })
  f(wait, undefined, 1000)
  f(wait, '100ms', 100)
  f(wait, '99ms', undefined)
  f(wait, '60m', 3_600_000)
  f(wait, '61m', undefined)
  f(duration({ doc, default: '1s' }), '25d', undefined)
  f(size({ doc, default: '1B', max: '1KiB' }), '1025', undefined)
  f(number({ doc, default: 1, max: 2 }), 2.5, undefined)
  f(number({ doc, default: 1 }), Number.POSITIVE_INFINITY, undefined)
  strictEqual(kindOf(wait).expected, 'a length of time with its unit from 100ms to 1h, as 250ms, 15s, 5m or 24h')
  deepStrictEqual(list(text({ doc }), { doc, default: ['a'] }).parse(undefined), ['a'])
})
