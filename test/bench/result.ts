// Results of the benchmark: one JSON line per row as it is measured, and the table at the end.

export interface Row {
  readonly name: string
  readonly measured: string
  readonly limit: string
  readonly passed: boolean
  readonly figures: Readonly<Record<string, unknown>>
}

const rows: Row[] = []

/** Prints the row as a JSON line and keeps it for the table. */
export function record(row: Row): void {
  rows.push(row)
  console.log(JSON.stringify(row))
}

export function printTable(): boolean {
  const widths = [
    Math.max(...rows.map(row => row.name.length), 8),
    Math.max(...rows.map(row => row.measured.length), 8),
    Math.max(...rows.map(row => row.limit.length), 10),
  ]
  const line = (cells: readonly string[]): string =>
    cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  ')
  console.log(`\n${line(['measured', 'figure', 'must reach'])}`)
  for (const row of rows) console.log(`${line([row.name, row.measured, row.limit])}  ${row.passed ? 'ok' : 'MISSED'}`)
  return rows.every(row => row.passed)
}

export function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
