import { deepStrictEqual, match, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TraceState } from '../../../src/processors/sample/tracestate.ts'

const state = new TraceState()
const open = (text: string): TraceState => {
  const bytes = Buffer.from(`  ${text}\t`)
  return state.open(bytes, 2, bytes.length - 1)
}
const written = (text: string, threshold: string, random: string): string => Buffer.from(open(text).write(threshold, random)).toString()
const ot = (length: number): string => `xx:${'v'.repeat(length - 3)}`

test('th and rv are read, padded with zeros on the right', () => {
  const f = (text: string, threshold: string, random: string): void => {
    open(text)
    deepStrictEqual(
      [state.threshold.isAbsent() ? '' : state.threshold.hex(), state.random.isAbsent() ? '' : state.random.hex()],
      [threshold, random]
    )
    deepStrictEqual(state.malformed, false)
  }
  f('', '', '')
  f('a=b', '', '')
  f('ot=th:0', '00000000000000', '')
  f('ot=th:e666', 'e6660000000000', '')
  f('ot=th:0123456789abcd', '0123456789abcd', '')
  f('ot=rv:0123456789abcd', '', '0123456789abcd')
  f('ot=rv:ffffffffffffff;th:8', '80000000000000', 'ffffffffffffff')
  f('ot=p:8;r:62', '', '')
  f('ot=th:c;xth:8;th2:8;t:1;v:', 'c0000000000000', '')
  f('a=th:8 , \t ot=th:c\t ,,foo@ot=th:8', 'c0000000000000', '')
  f('other=ot=th:8', '', '')
  f('otx=th:8', '', '')
})

test('what is malformed counts as absent', () => {
  const f = (text: string, threshold = '', random = ''): void => {
    open(text)
    deepStrictEqual(
      [state.threshold.isAbsent() ? '' : state.threshold.hex(), state.random.isAbsent() ? '' : state.random.hex()],
      [threshold, random]
    )
    deepStrictEqual(state.malformed, true)
  }
  f('ot=')
  f('ot=;')
  f('ot=th')
  f('ot=th:8;')
  f('ot=;th:8')
  f('ot=th:8;;rv:ffffffffffffff')
  f('ot=th:8;B:1')
  f('ot=th:8;1b:1')
  f('ot=th:8;b:ä')
  f('ot=th:8;b:c d')
  f('ot= th:8')
  f('ot=th:8;th:8')
  f('ot=rv:ffffffffffffff;rv:ffffffffffffff')
  f(`ot=th:8;${ot(253)}`)
  f(`ot=th:8${',a=b'.repeat(3000)}`)
  // Only the value is wrong: the other one counts.
  f('ot=th:;rv:ffffffffffffff', '', 'ffffffffffffff')
  f('ot=th:E6;rv:ffffffffffffff', '', 'ffffffffffffff')
  f('ot=th:0123456789abcde;rv:ffffffffffffff', '', 'ffffffffffffff')
  f('ot=th:8;rv:fffffffffffff', '80000000000000')
  f('ot=th:8;rv:fffffffffffffff', '80000000000000')
  f('ot=th:8;rv:FFFFFFFFFFFFFF', '80000000000000')
  // A key stands once; the leftmost was written last.
  f('ot=th:8,a=b,ot=th:c', '80000000000000')
})

test('written anew, ot comes first and the rest stays', () => {
  const f = (text: string, threshold: string, random: string, expected: string): void =>
    deepStrictEqual(written(text, threshold, random), expected)
  f('', 'e666', '', 'ot=th:e666')
  f('', 'e668', 'ffffffffffffff', 'ot=rv:ffffffffffffff;th:e668')
  f('ot=th:8', 'e666', '', 'ot=th:e666')
  f('a=b,ot=th:8,c@d=e/:;', 'e666', '', 'ot=th:e666,a=b,c@d=e/:;')
  f('c=d, a=b', 'e666', '', 'ot=th:e666,c=d,a=b')
  f('z=1 ,,\t, ot=k1:13;th:8;rv:ffffffffffffff', 'e666', '', 'ot=rv:ffffffffffffff;th:e666;k1:13,z=1')
  f('ot=rv:ffffffffffffff', 'e666', '00000000000000', 'ot=rv:ffffffffffffff;th:e666')
  f('a=b,ot=th:8', '', '', 'a=b')
  f('ot=th:8', '', '', '')
  f('ot=th:8;x:y', '', '', 'ot=x:y')
  // What is malformed is left out.
  f('a=b,ot=broken,c=d', 'e666', '', 'ot=th:e666,a=b,c=d')
  f('a=b,ot=th:G;x:y,c=d', 'e666', '', 'ot=th:e666;x:y,a=b,c=d')
  f('A=b,=c,d,e=,f==,g=h ,ä=b,i=ä,j=k', 'e666', '', 'ot=th:e666,g=h,j=k')
  f(`a=b,${'k'.repeat(257)}=v,l=${'v'.repeat(257)}`, 'e666', '', 'ot=th:e666,a=b')
  f(`a=b${',a=b'.repeat(3000)}`, 'e666', '', 'ot=th:e666')
})

test('a threshold alone is told apart', () => {
  const f = (text: string, expected: boolean): void => deepStrictEqual(open(text).isThresholdAlone(), expected)
  f('ot=th:8', true)
  f('ot=th:0123456789abcd', true)
  f('', false)
  f('ot=th:8,', false)
  f(' ot=th:8', false)
  f('ot=th:8;rv:ffffffffffffff', false)
  f('ot=x:;th:8', false)
  f('a=b,ot=th:8', false)
  f('ot=th:8Z', false)
  f('ot=rv:8', false)
})

test('at most 32 members: the last gives way', () => {
  const members = Array.from({ length: 32 }, (_, i) => `k${i}=v`)
  deepStrictEqual(written(members.join(), 'e666', ''), ['ot=th:e666', ...members.slice(0, 31)].join())
  const own = [...members.slice(0, 31), 'ot=th:8']
  deepStrictEqual(written(own.join(), 'e666', ''), ['ot=th:e666', ...members.slice(0, 31)].join())
})

test('ot holds 256 characters: where th does not fit it is erased, not left wrong', () => {
  const f = (text: string, threshold: string, expected: string, isFull: boolean): void => {
    deepStrictEqual(written(text, threshold, ''), expected)
    deepStrictEqual(state.isFull, isFull)
  }
  f(`ot=${ot(248)}`, 'e666', `ot=th:e666;${ot(248)}`, false)
  f(`ot=${ot(249)}`, 'e666', `ot=${ot(249)}`, true)
  f(`ot=th:8;${ot(250)}`, 'e666', `ot=${ot(250)}`, true)
})

// The grammars of the two standards, as they stand there.
const OT_PAIR = '[a-z][a-z0-9]*:[A-Za-z0-9._-]*'
const OT = new RegExp(`^ot=(?=.{1,256}$)${OT_PAIR}(;${OT_PAIR})*$`)
const MEMBER = /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

test('property: whatever came, what is written is well-formed, says the threshold, and keeps every good member in order', () => {
  const piece = fc.oneof(
    fc.constantFrom('ot=', 'th:', 'rv:', 'e666', 'ffffffffffffff', ';', ',', ',', ':', '=', ' ', '\t', 'a=b', 'c@d=e', 'x:Y.z', 'ä'),
    fc.string({ maxLength: 4 }),
    fc.stringMatching(/^[a-z]{250,260}$/)
  )
  const text = fc.array(piece, { maxLength: 80 }).map((pieces) => pieces.join(''))
  fc.assert(
    fc.property(text, fc.constantFrom('', '0', 'e666'), fc.constantFrom('', '0123456789abcd'), (text, threshold, random) => {
      const out = written(text, threshold, random)
      const { isFull } = state
      const members = out === '' ? [] : out.split(',')
      ok(members.length <= 32)
      for (const [i, member] of members.entries()) match(member, i === 0 && member.startsWith('ot=') ? OT : MEMBER)
      const others = members.filter((member) => !member.startsWith('ot='))
      const good = text.split(',').map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ''))
      deepStrictEqual(others, good.filter((member) => MEMBER.test(member) && !member.startsWith('ot=')).slice(0, others.length))
      ok(others.length >= Math.min(31, good.filter((member) => MEMBER.test(member) && !member.startsWith('ot=')).length))
      open(out)
      deepStrictEqual(state.malformed, false)
      deepStrictEqual(state.threshold.isAbsent() ? '' : state.threshold.hex(), isFull || threshold === '' ? '' : threshold.padEnd(14, '0'))
    }),
    { numRuns: 1000 }
  )
})
