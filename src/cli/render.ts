// How commands show things on a terminal: tables, sizes and durations. Colours only where the caller says that they are wanted (a
// terminal without NO_COLOR); widths are counted in characters, never in escape codes.
import { stripVTControlCharacters, styleText } from 'node:util'

export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red' | 'cyan'

/** Colours a text, or leaves it alone. */
export type Paint = (style: Style, text: string) => string

export function createPaint(colours: boolean): Paint {
  return colours ? (style, text) => styleText(style, text, { validateStream: false }) : (_style, text) => text
}

/** Whether a stream shows colours: it is a terminal, and NO_COLOR and its like do not speak against it. */
export function showsColours(stream: NodeJS.WritableStream): boolean {
  return styleText('bold', 'x', { stream }) !== 'x'
}

export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
}

/** Lines of a table: a head, then the rows; the last column is not padded. Cells may hold colours. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], paint: Paint): string[] {
  const head = columns.map(column => paint('bold', column.title))
  const all = [head, ...rows.map(row => row.map(printable))]
  const widths = columns.map((_, index) => Math.max(...all.map(row => widthOf(row[index] ?? ''))))
  return all.map(row => {
    const cells = columns.map((column, index) => pad(row[index] ?? '', widths[index] ?? 0, column.align ?? 'left'))
    return cells.join('  ').trimEnd()
  })
}

// Names come from outside: an escape sequence in one must not reach the terminal. Only our own colours may.
export function printable(cell: string): string {
  return cell.replace(controlCharacters, '\u{fffd}')
}

const colour = String.raw`(?!\u001b\[\d{1,2}m)`
const controlCharacters = new RegExp(`${colour}[\\u0000-\\u001f\\u007f-\\u009f]`, 'g')

function widthOf(cell: string): number {
  return [...stripVTControlCharacters(cell)].length
}

function pad(cell: string, width: number, align: 'left' | 'right'): string {
  const space = ' '.repeat(Math.max(0, width - widthOf(cell)))
  return align === 'left' ? cell + space : space + cell
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB']

/** `0 B`, `1.5 KiB`, `12 MiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  const digits = unit === 0 || value >= 9.95 ? 0 : 1
  return `${value.toFixed(digits)} ${units[unit] ?? ''}`
}

/** The two largest parts of a duration in milliseconds: `4s`, `3m 20s`, `5h 10m`, `2d 3h`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  const parts: readonly (readonly [count: number, unit: string])[] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ]
  const first = parts.findIndex(([count]) => count > 0)
  if (first < 0) return '0s'
  const shown = parts.slice(first, first + 2).filter(([count]) => count > 0)
  return shown.map(([count, unit]) => `${count}${unit}`).join(' ')
}

/** `12,345`. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}
