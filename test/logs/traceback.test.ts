import { deepStrictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { describeText, splitHead } from '../../src/logs/traceback.ts'
import { understood } from './entry.ts'

/** `from`: where the stack trace begins in the text. */
const f = (text: string, type: string | null, message = '', from = 0): void =>
  deepStrictEqual(describeText(text), type === null ? null : { type, message, stacktrace: text.slice(from) }, text)

test('Python', () => {
  f(
    'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    1/0\nZeroDivisionError: division by zero',
    'ZeroDivisionError',
    'division by zero'
  )
  f('Traceback (most recent call last):\n  File "a.py", line 1\n    x\nKeyboardInterrupt', 'KeyboardInterrupt')
  f('Traceback (most recent call last):\n  File "a.py", line 1\n    x\nmy.pkg.Odd: first\nsecond', 'my.pkg.Odd', 'first\nsecond')
  f(
    'failed\nTraceback (most recent call last):\n  File "a.py"\ntorch.OutOfMemoryError: CUDA out of memory.',
    'torch.OutOfMemoryError',
    'CUDA out of memory.',
    7
  )
  f(
    'Traceback (most recent call last):\n  File "a.py"\nKeyError: 1\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File "b.py"\nValueError: 2',
    'ValueError',
    '2'
  )
  f(
    '  + Exception Group Traceback (most recent call last):\n  |   File "p.py", line 48, in <module>\n  | ExceptionGroup: many (2 sub-exceptions)\n  +-+---------------- 1 ----------------\n    | ValueError: a',
    'ExceptionGroup',
    'many (2 sub-exceptions)'
  )
  f('Traceback (most recent call last):\n  File "a.py", line 1', '')
})

test('Java, JavaScript, .NET', () => {
  f(
    'java.lang.IllegalStateException: a: b\n\tat c.D.e(D.java:1)\nCaused by: java.lang.Error\n\t... 1 more',
    'java.lang.IllegalStateException',
    'a: b'
  )
  f('Exception in thread "main" java.lang.NullPointerException\n\tat c.D.e(D.java:1)', 'java.lang.NullPointerException', '', 27)
  f('TypeError: oops\nsecond line\n    at [eval]:1:25', 'TypeError', 'oops\nsecond line')
  f('/app/x.js:1\nthrow new E()\n^\n\nTypeError [ERR_X]: oops\n    at x (x.js:1:1)\n\nNode.js v24', 'TypeError', 'oops', 29)
  f(
    'Unhandled exception. System.InvalidOperationException: Nope\n   at P.Main() in /p.cs:line 3',
    'System.InvalidOperationException',
    'Nope',
    21
  )
  f('it broke\n    at x (x.js:1:1)', '', 'it broke')
})

test('what an exception came from is no part of its message', () => {
  const inner = 'System.IO.IOException: inner'
  const frames = '   at A.B() in /a.cs:line 3\n   --- End of inner exception stack trace ---\n   at C.D()'
  f(`System.InvalidOperationException: outer\n ---> ${inner}\n${frames}`, 'System.InvalidOperationException', 'outer')
  f(`System.InvalidOperationException: outer\r\n ---> ${inner}\r\n${frames}`, 'System.InvalidOperationException', 'outer')
  f(`System.InvalidOperationException: outer ---> ${inner}\n${frames}`, 'System.InvalidOperationException', 'outer')
  f(`System.AggregateException: many (a)\n ---> (Inner Exception #0) ${inner}\n${frames}`, 'System.AggregateException', 'many (a)')
  f(`System.ArgumentException: a ---> b\nsecond line\n${frames}`, 'System.ArgumentException', 'a ---> b\nsecond line')
  f('Error: outer\n\nCaused by:\n    0: inner\n\nStack backtrace:\n   0: a::b\n             at ./a.rs:1:1', 'Error', 'outer')
})

test('Go, Rust, PHP, Ruby', () => {
  f('panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/a/main.go:3 +0x1d', 'panic', 'boom')
  f(
    'fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]:',
    'fatal error',
    'all goroutines are asleep - deadlock!'
  )
  f("thread 'main' panicked at src/main.rs:2:5:\nboom\nnote: run with `RUST_BACKTRACE=1`", 'panic', 'boom')
  f("thread 'main' panicked at 'boom', src/main.rs:2:5", 'panic', 'boom')
  f('PHP Fatal error:  Uncaught My\\Odd: boom in /a.php:3\nStack trace:\n#0 {main}\n  thrown in /a.php on line 3', 'My\\Odd', 'boom')
  f("a.rb:1:in 'f': boom (ArgumentError)\n\tfrom a.rb:3:in '<main>'", 'ArgumentError', 'boom')
})

test('texts without a stack trace', () => {
  for (const text of ['', 'Error: x', 'a\nb', 'panic: x', 'don’t panic: x\nno', 'look\nat this', 'x panicked at y']) f(text, null)
})

test('heads of a single line', () => {
  const g = (line: string, type: string, message: string): void => deepStrictEqual(splitHead(line), { type, message, stacktrace: '' })
  g('TypeError: x is not a function', 'TypeError', 'x is not a function')
  g('connection refused', '', 'connection refused')
  g('dial tcp: lookup x: no such host', '', 'dial tcp: lookup x: no such host')
})

test('a stack trace without a level is an error, and the body keeps its lines', () => {
  const text = 'panic: boom\n\ngoroutine 1 [running]:'
  deepStrictEqual(understood(text), {
    severity: 17,
    body: text,
    attributes: { 'exception.type': 'panic', 'exception.message': 'boom', 'exception.stacktrace': text }
  })
  const trace = 'Error: x\n    at y (y.js:1:1)'
  deepStrictEqual(understood(trace).body, trace)
  deepStrictEqual(understood(`WARNING:root:odd\nTraceback (most recent call last):\n  File "a.py"\nKeyError: 1`).severity, 13)
})
