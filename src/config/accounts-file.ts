// Reads the accounts file that a configuration names, so that a bad one is found before anything starts.

import { parseAuthData } from '../accounts/account-directory.ts'
import type { Path, Report } from './problem.ts'
import { errorCode, type ReferenceSource } from './references.ts'

const expected = "a file in the format of CloudServer's authdata.json"

/** The parsed JSON of the file; undefined if it can't be used, the reasons being in the report. */
export function readAccountsFile(
  file: string,
  path: Path,
  files: Pick<ReferenceSource, 'readText'>,
  report: Report,
): { readonly json: unknown } | undefined {
  let text: string
  try {
    text = files.readText(file)
  } catch (error) {
    report.add(path, `${report.found(path, file)}, which cannot be read (${errorCode(error)})`, expected)
    return undefined
  }
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    // The parser's message quotes the file, which is full of secrets.
    report.add(path, `${report.found(path, file)}, which is not JSON`, expected)
    return undefined
  }
  const result = parseAuthData(json)
  if (result.ok) return { json }
  for (const problem of result.problems) {
    const where = problem.path === '' ? '' : `, whose ${problem.path}`
    report.add(path, `${report.found(path, file)}${where} ${problem.message}`, expected)
  }
  return undefined
}
