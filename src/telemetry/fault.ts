/** What may be said of something thrown by a fault: its name and its place in the code. Its message may quote what was being read. */
export function faultOf(thrown: unknown, framesMax: number): { readonly error: string; readonly place: string } {
  if (!(thrown instanceof Error)) return { error: typeof thrown, place: 'unknown' }
  const frames = (thrown.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  const place = frames.slice(0, framesMax).map((line) => line.trim())
  return { error: thrown.name, place: place.join(' ') || 'unknown' }
}
