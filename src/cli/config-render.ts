// `crossbeat config render --federation FILE`: prints both halves of the replication endpoints as one JSON object.

import { basename, resolve } from 'node:path'
import { renderFederation } from '../config/federation.ts'
import { type ConfigEnvironment, processEnvironment } from '../config/load.ts'
import { formatProblem } from '../config/problem.ts'
import { errorCode } from '../config/references.ts'
import type { Output } from './output.ts'

/** Exit code 0; 1 if the file can't be read or is wrong, with every problem on stderr and nothing on stdout. */
export async function configRender(
  options: { readonly federation: string },
  out: Output,
  environment: ConfigEnvironment = processEnvironment(),
): Promise<number> {
  const file = options.federation
  let text: string
  try {
    text = environment.readText(resolve(environment.workingDir, file))
  } catch (error) {
    out.stderr(`${file}: cannot be read (${errorCode(error)})`)
    return 1
  }
  const result = renderFederation(text, basename(file))
  if (result.ok) {
    out.stdout(JSON.stringify(result.federation, null, 2))
    return 0
  }
  for (const problem of result.problems) out.stderr(formatProblem(problem))
  return 1
}
