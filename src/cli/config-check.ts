// `crossbeat config check FILE`: says whether a configuration would start, and everything that is wrong with it.

import { loadConfig } from '../config/load.ts'
import { formatProblem } from '../config/problem.ts'
import type { Config } from '../config/types.ts'
import type { Output } from './output.ts'

/** Prints one line if the file is good, else one line per problem. Exit code 0 or 1. */
export async function configCheck(file: string, out: Output, load = loadConfig): Promise<number> {
  const result = await load(file)
  if (result.ok) {
    out.stdout(`${file}: ok, ${summary(result.config)}`)
    return 0
  }
  const count = result.problems.length
  out.stderr(`${file}: ${count} ${count === 1 ? 'problem' : 'problems'}`)
  for (const problem of result.problems) out.stderr(`  ${formatProblem(problem)}`)
  return 1
}

function summary(config: Config): string {
  const count = config.locations.length
  const locations = `${count} ${count === 1 ? 'location' : 'locations'}`
  if (config.sites.length === 0) return `${locations}, no sites`
  const sites = config.sites.map(site => {
    const kind = site.kind === 'cloud' ? site.type : 'servers'
    return `${site.site} (${kind}${site.isDefault ? ', default' : ''})`
  })
  return `${locations}, sites ${sites.join(', ')}`
}
