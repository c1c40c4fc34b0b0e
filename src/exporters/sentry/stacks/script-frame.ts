import { behind, isForeign, ownName } from './paths.ts'
import { type Frame, frameOf, indentOf, LINE_CHARACTERS_MAX, type Place, placeOf } from './stack.ts'

const BUILT_IN = /^(?:node:|internal\/|bun:|ext:|deno:|native$|wasm:|index \d|<anonymous>$|\[native code\]$)/
const GECKO_PLACE = /@(?:[a-z][\w+.-]{1,30}:\/\/|\/|\[native code\]$)/
const SOURCE = /\.(?:[cm]?[jt]sx?|vue|svelte)$/

/**
 * A frame as V8 prints it: `at function (place)`, `at place`; or as Firefox and Safari do: `function@place`. Else null.
 * https://v8.dev/docs/stack-trace-api
 */
export function scriptFrame(line: string): Frame | null {
  if (line.length > LINE_CHARACTERS_MAX) return null
  const indent = indentOf(line)
  if (line.startsWith('at ', indent)) return indent === 0 ? null : v8Frame(line.slice(indent + 3))
  const sign = line.indexOf('@')
  return sign < 0 ? null : geckoFrame(line.trim())
}

function v8Frame(text: string): Frame | null {
  // util.inspect writes on behind the last frame.
  let body = text
  if (body.endsWith(' {')) body = body.slice(0, -2)
  else if (body.endsWith(',')) body = body.slice(0, -1)
  if (body.startsWith('async ')) body = body.slice(6)
  const open = body.endsWith(')') ? body.indexOf(' (') : -1
  if (open < 0) {
    const place = placeOf(body)
    // Without a name, only what has a line is a frame; `at` begins many a sentence.
    if ((place.line === undefined && !BUILT_IN.test(body)) || body.includes(') [0x') || body.includes(') in ')) return null
    return frameAt('', place)
  }
  const name = body.slice(0, open)
  const inner = body.slice(open + 2, -1)
  const place = placeOf(inner)
  if (place.line === undefined && !BUILT_IN.test(inner) && inner !== '') return null
  return frameAt(name.replace(/ \[as [^\]]{1,400}\]$/, ''), inner.startsWith('eval at ') ? evalPlace(inner) : place)
}

// eval at outer (eval at inner (/app/x.js:1:2)), <anonymous>:1:1: of the source that was made up, the place in a file that made it up is worth more.
function evalPlace(inner: string): Place {
  const open = inner.lastIndexOf('(')
  const close = inner.indexOf(')', open)
  return placeOf(open < 0 || close < 0 ? inner : inner.slice(open + 1, close))
}

// function@https://host/file.js:line:column
function geckoFrame(line: string): Frame | null {
  const sign = line.search(GECKO_PLACE)
  if (sign < 0 || line.slice(0, sign).includes(' ')) return null
  const place = placeOf(line.slice(sign + 1))
  if (place.line === undefined && place.path !== '[native code]') return null
  return frameAt(line.slice(0, sign), place)
}

function frameAt(name: string, { path: url, line, column }: Place): Frame {
  const path = url.startsWith('file://') ? fromFileUrl(url) : url
  const isBuiltIn = BUILT_IN.test(path) || path === ''
  const isOwn = !isBuiltIn && !isForeign(path) && !path.includes('webpack/bootstrap')
  const called = name === '<anonymous>' ? '' : name
  if (isBuiltIn && line === undefined) return frameOf(false, { function: called === '' ? '<anonymous>' : called, filename: path })
  const filename = behind(path, '/node_modules/') ?? behind(path, '\\node_modules\\') ?? fileName(path)
  return frameOf(isOwn, {
    function: called,
    module: isBuiltIn ? undefined : moduleOf(filename),
    filename,
    abs_path: path,
    lineno: line,
    colno: column
  })
}

function fromFileUrl(url: string): string {
  const path = url.slice(7)
  return /^\/[A-Za-z]:\//.test(path) ? path.slice(1) : path
}

// Of a URL the path: hosts and versions change, the program stays the same.
function fileName(path: string): string {
  const url = /^(?:https?|app|webpack-internal|webpack|capacitor|chrome-extension):\/\/[^/]{0,255}\//.exec(path)
  return url === null ? ownName(path) : path.slice(url[0].length - 1)
}

// As Sentry's SDKs name modules: folder.folder:file.
function moduleOf(filename: string): string | undefined {
  if (!SOURCE.test(filename) || /[:?]/.test(filename)) return undefined
  const plain = filename.replace(SOURCE, '').replace(/^[\\/]+/, '')
  const slash = Math.max(plain.lastIndexOf('/'), plain.lastIndexOf('\\'))
  return slash < 0 ? plain : `${plain.slice(0, slash).replace(/[\\/]/g, '.')}:${plain.slice(slash + 1)}`
}
