// Which test files there are and in which order their groups run. A new folder under test/ needs no line here: it runs
// after the known ones.
import { globSync } from 'node:fs'
import { join, sep } from 'node:path'

/** Test files that run side by side; groups run one after the other. */
export interface Group {
  readonly name: string
  readonly files: readonly string[]
}

/** From the cheap and telling to the slow and broad. */
const order = ['unit', 'services', 'launcher', 'conformance', 'simulation', 'compatibility', 'integration']

/** The groups below `root` with the files whose path contains one of `only` (all of them if that is empty). */
export function selectGroups(root: string, only: readonly string[]): readonly Group[] {
  const groups = new Map<string, string[]>()
  const found = [...globSync('src/**/*.test.ts', { cwd: root }), ...globSync('test/**/*.test.ts', { cwd: root })]
  for (const path of found.map(file => file.split(sep).join('/')).sort()) {
    if (only.length > 0 && !only.some(part => path.includes(part))) continue
    const name = groupOf(path)
    const files = groups.get(name) ?? []
    files.push(join(root, path))
    groups.set(name, files)
  }
  return [...groups].map(([name, files]) => ({ name, files })).sort((a, b) => rank(a.name) - rank(b.name))
}

function groupOf(path: string): string {
  const parts = path.split('/')
  // A test directly in test/ is about the code base itself and needs no server.
  return parts[0] === 'src' || parts.length === 2 ? 'unit' : (parts[1] ?? 'unit')
}

function rank(name: string): number {
  const index = order.indexOf(name)
  return index < 0 ? order.length : index
}
