import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import * as yaml from 'yaml'
import { BlockYaml } from '../../src/inject/block-yaml.ts'
import { anyPod } from '../support/pods.ts'

const STYLES = [true, false].map((indentSeq) => ({ indentSeq, writer: new BlockYaml(indentSeq) }))

test('pods are written as the library writes them, the second time too', () => {
  fc.assert(
    fc.property(anyPod, (pod) => {
      const value = JSON.parse(JSON.stringify(pod))
      for (const { indentSeq, writer } of STYLES) {
        const expected = yaml.stringify(value, { version: '1.1', lineWidth: 0, indentSeq }).slice(0, -1)
        for (const _ of [1, 2]) strictEqual(writer.linesOf(value).join('\n'), expected)
      }
    })
  )
})

test('whatever JSON holds is read back as it was', () => {
  const key = fc.oneof(fc.string(), fc.constantFrom('on', '1', '~', '- a', 'a: b', '#', 'a\nb', ' ', '', 'x'.repeat(1500)))
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom('on', '0x1', '1_000', 'a: b\n  c\n\n', '\n', ' x', '- x\n- y', '# x', '%', 'é\u2028', '1:30')
  )
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      text,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true })
    )
  }))
  const asKubernetes = { version: '1.1', customTags: (tags: yaml.Tags) => tags } as const
  fc.assert(
    fc.property(value, (json) => {
      for (const { writer } of STYLES)
        deepStrictEqual(
          yaml.parse(
            writer
              .linesOf(json)
              .map((line) => `${line}\n`)
              .join(''),
            asKubernetes
          ),
          json
        )
    }),
    { numRuns: 1000 }
  )
})
