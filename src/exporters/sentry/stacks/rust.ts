import { behind, isForeign, ownName } from './paths.ts'
import { adopt, type Draft, draftOf, type Frame, frameOf, LINE_CHARACTERS_MAX, placeOf } from './stack.ts'

// Printed newest first:
//   thread 'name' panicked at src/file.rs:line:column:
//   message
//   stack backtrace:
//      0: module::function
//                at ./src/file.rs:line:column
// anyhow and eyre print the outermost message, then the causes, outer ones first, then where the first of them was made:
//   message
//   <empty>
//   Caused by:
//       0: message
//       1: message
//   <empty>
//   Stack backtrace:
//      0: …
const PANIC = /(?:^|\s)thread '[^']{0,256}' (?:\(\d{1,20}\) )?panicked at /
const OLD_MESSAGE = /^'(.{0,16000})', (\S{1,1024}:\d{1,9}:\d{1,9})$/s
const STEP = /^ {0,6}(\d{1,5}): {1,8}(?:0x[0-9a-f]{1,16} - )?(\S.{0,4000})$/
const AT = /^ {8,32}at (\S.{0,2000})$/
const TITLE = /^\s*(?:[Ss]tack backtrace|━{0,80} ?BACKTRACE ?━{0,80}|Backtrace):?\s*$/
const RAISED = /rust_begin_unwind$|__rust_end_short_backtrace|begin_panic/
const LOCATION = /^ {2,8}[^\s:]{1,500}\.rs:\d{1,9}:\d{1,9}$/
const CRATE_HASH = /(?<=\w)\[[0-9a-f]{8,16}\]/g
// What raises panics and makes errors.
const MACHINERY =
  /^(?:(?:__rustc::)?rust_begin_unwind|__rust_\w{1,40}|_?rust_panic\w{0,40}|core::panicking::|std::panicking::|std::panic::|std::sys::backtrace::|std::sys_common::backtrace::|std::backtrace::|std::backtrace_rs::|backtrace::|anyhow::|eyre::|color_eyre::|stable_eyre::|core::(?:option::(?:unwrap|expect)_failed|result::unwrap_failed)|<.{1,200} as core::convert::(?:From|Into)<|<E as (?:anyhow|eyre)|<core::result::Result<.{1,200} as (?:anyhow|eyre)::|<core::result::Result<.{1,200} as core::ops::try_trait::FromResidual)/
const FOREIGN =
  /^(?:<|&|\*const |\*mut |dyn |impl )*(?:core|std|alloc|test|proc_macro|tokio|futures\w{0,20}|hyper|tower\w{0,20}|axum\w{0,20}|tonic|actix\w{0,20}|rayon\w{0,20}|tracing\w{0,20}|backtrace|anyhow|eyre|color_eyre|log|serde\w{0,20}|reqwest|sqlx\w{0,20}|h2|rustls|mio|crossbeam\w{0,20}|parking_lot\w{0,20}|pyo3)::/

/** Reads what a panic prints with RUST_BACKTRACE, and what Backtrace, anyhow and eyre do. */
export function readRust(lines: readonly string[]): Draft | null {
  const steps = lines.findIndex((line, i) => STEP.test(line) && isBacktrace(lines, i))
  const panic = lines.findIndex((line) => line.includes(' panicked at ') && PANIC.test(line))
  if (panic >= 0 && (steps < 0 || panic < steps)) return readPanic(lines, panic, steps)
  const located = locationIn(lines)
  if (steps < 0 && located === null) return null
  const root = readCauses(lines, steps < 0 ? lines.length : steps)
  root.frames = steps < 0 ? [located as Frame] : framesFrom(lines, steps)
  return root
}

/** The lines that only Rust prints. */
export const isRustLine = (line: string): boolean =>
  (line.includes(' panicked at ') && PANIC.test(line)) ||
  (line.includes('.rs:') && (AT.test(line) || LOCATION.test(line))) ||
  (line.includes('::') && /^ {1,4}0: {1,8}\S/.test(line)) ||
  TITLE.test(line)

// Numbered causes look like frames: frames have a title above, a place below, or a path as their name.
function isBacktrace(lines: readonly string[], i: number): boolean {
  if (TITLE.test(lines[i - 1] ?? '')) return true
  if (/^\s*Caused by:$/.test(lines[i - 1] ?? '')) return false
  return AT.test(lines[i + 1] ?? '') || (/^ {1,4}0: /.test(lines[i]) && /^\s*\d: <?[\w:<> ]{1,400}::[\w:<>{}#]{1,400}$/.test(lines[i]))
}

function readPanic(lines: readonly string[], panic: number, steps: number): Draft {
  const line = lines[panic]
  const start = line.search(PANIC)
  const head = line.slice(line.indexOf(' panicked at ', start) + 13)
  let end = panic + 1
  while (end < lines.length && !TITLE.test(lines[end]) && !lines[end].startsWith('note: ') && end !== steps) end++
  const below = lines
    .slice(panic + 1, end)
    .join('\n')
    .trim()
  const old = OLD_MESSAGE.exec(below === '' ? head : `${head}\n${below}`)
  const draft = old === null ? draftOf('panic', below) : draftOf('panic', old[1])
  const { path, line: lineno, column } = placeOf(old === null ? head.replace(/:$/, '') : old[2])
  draft.frames = steps < 0 ? [rustFrame('', path, lineno, column)] : framesFrom(lines, steps)
  return draft
}

function readCauses(lines: readonly string[], end: number): Draft {
  let title = -1
  for (let i = 0; i < end && title < 0; i++) if (/^\s*Caused by:$/.test(lines[i])) title = i
  // color-eyre numbers them all, the outermost as 0.
  const numbered = title < 0 ? lines.findIndex((line, i) => i < end && /^ {1,4}0: \S/.test(line)) : -1
  if (numbered >= 0) return chainOf(itemsFrom(lines, numbered, end))
  const headEnd = title < 0 ? end : title
  const root = draftOf('', textOf(lines, 0, headEnd).replace(/^Error: /, ''))
  if (title < 0) return root
  return chainOf([root.value, ...itemsFrom(lines, title + 1, end)])
}

function chainOf(messages: readonly string[]): Draft {
  const root = draftOf('', messages[0] ?? '')
  let last = root
  for (let i = 1; i < messages.length; i++) {
    const cause = draftOf('', messages[i])
    adopt(last, cause, 'source')
    last = cause
  }
  return root
}

// One message, or numbered ones, each with lines of its own, up to an empty line.
function itemsFrom(lines: readonly string[], start: number, end: number): string[] {
  const items: string[] = []
  let from = start
  for (let i = start; i <= end; i++) {
    const isEnd = i === end || lines[i].trim() === '' || TITLE.test(lines[i])
    if (!isEnd && (i === from || !/^ {0,8}\d{1,4}: /.test(lines[i]))) continue
    const text = textOf(lines, from, i).replace(/^\d{1,4}: /, '')
    if (text !== '') items.push(text)
    if (isEnd) break
    from = i
  }
  return items
}

function textOf(lines: readonly string[], from: number, to: number): string {
  const kept: string[] = []
  for (let i = from; i < to; i++) {
    if (TITLE.test(lines[i]) || /^\s*Location:$/.test(lines[i])) break
    kept.push(lines[i].trim())
  }
  return kept.join('\n').trim()
}

// Location:
//     src/main.rs:5:10
function locationIn(lines: readonly string[]): Frame | null {
  const at = lines.findIndex((line) => /^\s*Location:$/.test(line))
  if (at < 0 || at + 1 >= lines.length || lines[at + 1].length > LINE_CHARACTERS_MAX) return null
  const { path, line, column } = placeOf(lines[at + 1].trim())
  return line === undefined ? null : rustFrame('', path, line, column)
}

function framesFrom(lines: readonly string[], steps: number): Frame[] {
  const frames: Frame[] = []
  const names: string[] = []
  for (let i = steps; i < lines.length; i++) {
    const step = STEP.exec(lines[i])
    // Inlined calls have no number.
    const inlined = step === null && frames.length > 0 ? /^ {6,24}(?!at )(\S.{0,4000})$/.exec(lines[i]) : null
    const name = step?.[2] ?? inlined?.[1]
    if (name === undefined) {
      if (!AT.test(lines[i]) && frames.length > 0) break
      continue
    }
    const place = AT.exec(lines[i + 1] ?? '')
    const { path, line, column } = placeOf(place?.[1] ?? '')
    const symbol = name.replace(CRATE_HASH, '').replace(/::h[0-9a-f]{16}$/, '')
    names.push(symbol)
    frames.push(rustFrame(symbol, path, line, column))
  }
  // Between the marks that Rust itself cuts its short backtraces at.
  const begin = names.findIndex((name) => name.includes('__rust_begin_short_backtrace'))
  const end = begin > 0 ? begin : frames.length
  let start = names.findLastIndex((name, i) => i < end && RAISED.test(name)) + 1
  if (start >= end) start = 0
  while (start + 1 < end && MACHINERY.test(names[start])) start++
  return frames.slice(start, end).reverse()
}

function rustFrame(name: string, path: string, lineno: number | undefined, colno: number | undefined): Frame {
  const cut = ownCut(name)
  const standard = behind(path, '/library/')
  const registry = /\/\.?cargo\/(?:registry\/src\/[^/]{1,200}|git\/checkouts)\//.exec(path)
  const isRust = path.startsWith('/rustc/') || path.includes('/lib/rustlib/src/rust/')
  const isSystem = name !== '' && !name.includes('::')
  const filename =
    isRust && standard !== undefined ? standard : registry === null ? ownName(path) : path.slice(registry.index + registry[0].length)
  return frameOf(!isRust && !isSystem && !FOREIGN.test(name) && !isForeign(path), {
    function: cut < 0 ? name : name.slice(cut + 2),
    module: cut < 0 ? undefined : name.slice(0, cut),
    filename,
    abs_path: path,
    lineno,
    colno
  })
}

// The `::` before the function: not one inside < >, and closures stay with the function that they are in.
function ownCut(name: string): number {
  let end = name.length
  for (
    let closure = name.lastIndexOf('::{{closure}}');
    closure >= 0 && closure + 13 === end;
    closure = name.lastIndexOf('::{{closure}}', end - 1)
  )
    end = closure
  let depth = 0
  for (let at = end - 1; at > 0; at--) {
    if (name[at] === '>' && name[at - 1] !== '-') depth++
    else if (name[at] === '<') depth--
    else if (depth <= 0 && name[at] === ':' && name[at - 1] === ':' && name[at + 1] !== '<') return at - 1
  }
  return -1
}
