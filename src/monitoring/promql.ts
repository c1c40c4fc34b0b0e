/** What is asked of one metric: its name as written, and the labels that its matchers name. */
export interface Selector {
  readonly name: string
  readonly labels: readonly string[]
}

/** What an expression of PromQL asks for. It is read word by word, for the expressions of this repository: it does not check their grammar. */
export interface Asked {
  readonly selectors: readonly Selector[]
  /** Labels in `by`, `without`, `on`, `ignoring`, `group_left` and `group_right`. */
  readonly grouping: readonly string[]
  /** Texts outside of matchers: among them the labels that `label_replace` and `label_join` make. */
  readonly texts: readonly string[]
}

// Text, duration or number, name, or any other character. A name may have colons; one that begins with a letter cannot begin inside of a duration.
const WORD = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|#[^\n]*|\$?\d[\w.]*|[A-Za-z_:$][\w:$]*|\S/g
const GROUPING = new Set(['by', 'without', 'on', 'ignoring', 'group_left', 'group_right'])
const WORDS = new Set(['and', 'or', 'unless', 'bool', 'offset', 'start', 'end', 'inf', 'nan', 'atan2'])

export function readPromql(expr: string): Asked {
  const words = (expr.match(WORD) ?? []).filter((word) => !word.startsWith('#'))
  const selectors: Selector[] = []
  const grouping: string[] = []
  const texts: string[] = []
  for (let i = 0; i < words.length; i++) {
    const word = words[i]
    if (word === '{' || word === '[') {
      // A range has no names; matchers without a name before them may name the metric as a label.
      i = closing(words, i)
      continue
    }
    if (/^["'`]/.test(word)) texts.push(word.slice(1, -1))
    if (!/^[A-Za-z_:]/.test(word)) continue
    const lower = word.toLowerCase()
    if (GROUPING.has(lower)) {
      if (words[i + 1] !== '(') continue
      const end = closing(words, i + 1)
      grouping.push(...words.slice(i + 2, end).filter((each) => each !== ','))
      i = end
    } else if (!WORDS.has(lower) && words[i + 1] !== '(' && !isAggregation(words, i)) {
      const labels = words[i + 1] === '{' ? labelsIn(words, i + 1) : []
      selectors.push({ name: word, labels })
    }
  }
  return { selectors, grouping, texts }
}

// `sum by (x) (y)`: the name of an aggregation may stand before its labels.
function isAggregation(words: readonly string[], at: number): boolean {
  const next = words[at + 1]?.toLowerCase()
  return next === 'by' || next === 'without'
}

function closing(words: readonly string[], at: number): number {
  const close = { '{': '}', '[': ']', '(': ')' }[words[at]]
  const end = words.indexOf(close ?? '', at)
  return end === -1 ? words.length : end
}

function labelsIn(words: readonly string[], at: number): string[] {
  const end = closing(words, at)
  return words.slice(at + 1, end).filter((word, i, all) => /^[A-Za-z_]/.test(word) && (all[i + 1] === '=' || all[i + 1] === '!'))
}
