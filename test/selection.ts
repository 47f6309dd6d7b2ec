// Which test files there are and in which order their groups run. A new folder under test/ needs no line here: it runs
// after the known ones.
import { globSync } from 'node:fs'
import { join, sep } from 'node:path'

/** Test files that run side by side; groups run one after the other. */
export interface Group {
  readonly name: string
  readonly files: readonly string[]
  /** Its tests wait for time-outs and take-overs more than they work, so one file more fits beside the others. */
  readonly waits: boolean
}

/** From the cheap and telling to the slow and broad. */
const order = ['unit', 'services', 'launcher', 'conformance', 'simulation', 'compatibility', 'integration']

const waiting = new Set(['distributed', 'faults'])

/** Begun before the others of their groups, which then fill the time that they take. */
const longest = [
  ...['test/compatibility/s3/fuzz', 'test/integration/distributed', 'test/integration/clients'],
  ...['test/distributed/clients', 'test/faults/distributed/partitions', 'test/faults/distributed/'],
]

/** The groups below `root` with the files whose path contains one of `only` (all of them if that is empty). */
export function selectGroups(root: string, only: readonly string[]): readonly Group[] {
  const groups = new Map<string, string[]>()
  const found = [...globSync('src/**/*.test.ts', { cwd: root }), ...globSync('test/**/*.test.ts', { cwd: root })]
  const paths = found.map(file => file.split(sep).join('/')).sort()
  for (const path of paths.sort((a, b) => placeOf(a) - placeOf(b))) {
    if (only.length > 0 && !only.some(part => path.includes(part))) continue
    const name = groupOf(path)
    const files = groups.get(name) ?? []
    files.push(join(root, path))
    groups.set(name, files)
  }
  return [...groups]
    .map(([name, files]) => ({ name, files, waits: waiting.has(name) }))
    .sort((a, b) => rank(a.name) - rank(b.name))
}

function placeOf(path: string): number {
  const index = longest.findIndex(begin => path.startsWith(begin))
  return index < 0 ? longest.length : index
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
