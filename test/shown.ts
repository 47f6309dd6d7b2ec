// What a test file has to say when it passes, too, such as a table of what was measured: the report prints it below the file's own line.
const mark = '| '

export function show(text: string): void {
  const marked = text.split('\n').map(line => `${mark}${line}`)
  console.log(marked.join('\n'))
}

const leftOpen = 'left open: '

/** Of a process that nothing but these resources keeps from ending. */
export function showLeftOpen(resources: readonly string[]): void {
  show(`${leftOpen}${resources.join(', ')}`)
}

export function saysLeftOpen(lines: readonly string[]): boolean {
  return shownLines(lines).some(line => line.startsWith(leftOpen))
}

/** Of the lines that a file wrote, those that are to be shown, without their mark. */
export function shownLines(lines: readonly string[]): readonly string[] {
  return lines.filter(line => line.startsWith(mark)).map(line => line.slice(mark.length))
}
