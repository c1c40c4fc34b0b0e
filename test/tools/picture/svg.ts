export interface Box {
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}

export const COLOURS = ['#3d8f5a', '#c58b17', '#3c78b4', '#c8553d', '#8459a8', '#3a9a9a', '#b4487c', '#7d8a2e']
/** The same, for areas. */
export const PALE = ['#c5ddce', '#eedcb9', '#c4d7e9', '#efccc5', '#dacde6', '#c4e1e1', '#e9c8d7', '#d8dcc0']
export const INK = '#24292f'
export const GREY = '#6e7781'
export const NAMED: Readonly<Record<string, string>> = {
  green: '#2f8f46',
  yellow: '#b58900',
  orange: '#d9730d',
  red: '#cf222e',
  blue: '#3c78b4',
  transparent: INK
}
/** Mean width of a letter, as a part of its size. */
const LETTER = 0.54

export const escaped = (text: string): string =>
  text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')

export const widthOf = (text: string, size: number): number => text.length * size * LETTER

/** Text that is cut where it would be wider than `most`. */
export function words(
  x: number,
  y: number,
  said: string,
  { size = 11, fill = INK, anchor = 'start', most = Infinity, bold = false } = {}
): string {
  const room = Math.floor(most / (size * LETTER))
  const text = said.length <= room ? said : `${said.slice(0, Math.max(1, room - 1))}…`
  const more = `${anchor === 'start' ? '' : ` text-anchor="${anchor}"`}${bold ? ' font-weight="600"' : ''}`
  return `<text x="${Math.round(x)}" y="${Math.round(y)}" font-size="${size}" fill="${fill}"${more}>${escaped(text)}</text>`
}

export function rect({ x, y, w, h }: Box, fill: string, more = ''): string {
  return `<rect x="${round(x)}" y="${round(y)}" width="${round(w)}" height="${round(h)}" fill="${fill}"${more}/>`
}

export const round = (value: number): number => Math.round(value * 10) / 10
