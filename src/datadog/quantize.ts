const QUERY_CHARACTERS_MAX = 10_000

/** A query without what differs from call to call, so that calls that are alike count together, and without what may be private. */
export function quantizedQuery(query: string, type: string): string {
  const text = query.length > QUERY_CHARACTERS_MAX ? query.slice(0, QUERY_CHARACTERS_MAX) : query
  if (type === 'redis' || type === 'memcached') return commandsOf(text)
  // Without backtracking: each alternative begins with a character of its own, and literals end at the next quote or at the end.
  return text
    .replace(LITERALS, (all, _quoted, name: string | undefined) => name ?? (all.startsWith('--') || all.startsWith('/*') ? ' ' : '?'))
    .replace(/\s+/g, ' ')
    .replace(/\(\s*\?(?:\s*,\s*\?)*\s*\)(?:\s*,\s*\(\s*\?(?:\s*,\s*\?)*\s*\))*/g, '( ? )')
    .trim()
}

const LITERALS = /('(?:[^'\\]|''|\\.)*(?:'|$))|([A-Za-z_@#$][\w@#$]*)|--[^\n]*|\/\*(?:[^*]|\*(?!\/))*(?:\*\/|$)|-?(?:\d[\w.]*)/g

// A line is a command and its arguments; several make a pipeline.
function commandsOf(text: string): string {
  const commands: string[] = []
  for (const line of text.split('\n', 10)) {
    const command = /^\s*([A-Za-z_.]{1,40})/.exec(line)?.[1]
    if (command !== undefined && commands.length < 3) commands.push(command.toUpperCase())
  }
  return commands.join(' ') || '?'
}
