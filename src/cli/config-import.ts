// `crossbeat config import`: reads the files of CloudServer and Backbeat, prints one crossbeat.yaml on stdout and on stderr
// what became of every key that has no counterpart.

import { resolve } from 'node:path'
import { importConfig } from '../config/import/convert.ts'
import { formatFinding, summarize } from '../config/import/finding.ts'
import { type ConfigEnvironment, processEnvironment } from '../config/load.ts'
import { errorCode } from '../config/references.ts'
import { asMapping } from '../config/shape.ts'
import { formatYaml } from '../config/yaml.ts'
import type { Output } from './output.ts'

/** Paths of the files; one of `cloudserver` and `locations` at least. */
export type ConfigImportOptions = {
  readonly cloudserver?: string | undefined
  readonly locations?: string | undefined
  readonly authdata?: string | undefined
  readonly backbeat?: string | undefined
  /** Not a file: the URL of a PostgreSQL, beside which Backbeat's servers become the `engine`. */
  readonly postgres?: string | undefined
}

/** Exit code 0; 1 if a file can't be read; 2 if anything was not supported or not known. */
export async function configImport(
  options: ConfigImportOptions,
  out: Output,
  environment: ConfigEnvironment = processEnvironment(),
): Promise<number> {
  if (options.cloudserver === undefined && options.locations === undefined) {
    out.stderr('config import needs --cloudserver or --locations')
    return 1
  }
  const { postgres } = options
  if (postgres !== undefined && options.backbeat === undefined) {
    out.stderr('config import --postgres needs --backbeat, whose Kafka, ZooKeeper and Redis it goes with')
    return 1
  }
  const read = (name: Exclude<keyof ConfigImportOptions, 'postgres'>) => readJson(name, options[name], environment)
  const files = [read('cloudserver'), read('locations'), read('authdata'), read('backbeat')] as const
  const errors = files.flatMap(file => (file.kind === 'error' ? [file.message] : []))
  for (const error of errors) out.stderr(error)
  if (errors.length > 0) return 1
  const [cloudserver, locations, authdata, backbeat] = files.map(file =>
    file.kind === 'json' ? file.value : undefined,
  )
  const authdataFile = options.authdata === undefined ? undefined : resolve(environment.workingDir, options.authdata)
  const sources = { cloudserver, locations, authdata, authdataFile, backbeat, postgres }
  const { config, findings } = importConfig(sources, environment)
  for (const finding of findings) {
    if (finding.verdict !== 'converted') out.stderr(formatFinding(finding))
  }
  out.stderr(summarize(findings))
  out.stdout(formatYaml(config).trimEnd())
  return findings.some(finding => finding.verdict === 'not supported' || finding.verdict === 'unknown') ? 2 : 0
}

type ReadFile =
  | { readonly kind: 'absent' }
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'error'; readonly message: string }

function readJson(name: string, file: string | undefined, environment: ConfigEnvironment): ReadFile {
  if (file === undefined) return { kind: 'absent' }
  let text: string
  try {
    text = environment.readText(resolve(environment.workingDir, file))
  } catch (error) {
    return { kind: 'error', message: `--${name} ${file}: cannot be read (${errorCode(error)})` }
  }
  try {
    const value: unknown = JSON.parse(text)
    if (asMapping(value) !== undefined) return { kind: 'json', value }
    return { kind: 'error', message: `--${name} ${file}: found something else, expected a JSON object` }
  } catch (error) {
    // The parser's message quotes the file, which may hold secrets; its position does not.
    const place = /at position \d+(?: \(line \d+ column \d+\))?/.exec(error instanceof Error ? error.message : '')?.[0]
    return { kind: 'error', message: `--${name} ${file}: is not JSON${place === undefined ? '' : ` (${place})`}` }
  }
}
