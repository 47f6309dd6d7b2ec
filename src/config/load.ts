// The way into the configuration: from a file, or from an object that is already there. The only place outside src/base
// that looks at the environment; checks get it as a value. Never throws for bad content: it answers with the problems.

import { readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { createReport, inFileOrder, type Report } from './problem.ts'
import { errorCode, expandReferences } from './references.ts'
import { type ResolveSource, resolveConfig } from './resolve.ts'
import { asMapping, ownValue } from './shape.ts'
import type { ConfigResult } from './types.ts'
import { type ParsedYaml, parseYaml } from './yaml.ts'

/** What a configuration may refer to outside itself. `readText` throws if a file can't be read. */
export type ConfigEnvironment = {
  readonly variables: Readonly<Record<string, string | undefined>>
  readonly homeDir: string
  /** Where paths that are not absolute start, if there is no configuration file. */
  readonly workingDir: string
  readText(absolutePath: string): string
}

const fileSizeMax = 4 * 1024 * 1024

/** The environment of this process. */
export function processEnvironment(): ConfigEnvironment {
  return {
    variables: process.env,
    homeDir: homedir(),
    workingDir: process.cwd(),
    readText: readTextFile,
  }
}

/** Text of a regular file of bounded size: a device or pipe would never end. */
function readTextFile(path: string): string {
  const stat = statSync(path)
  if (stat.isDirectory()) throw fileError('EISDIR')
  if (stat.isFile() && stat.size > fileSizeMax) throw fileError('EFBIG')
  if (!stat.isFile() && !stat.isFIFO()) throw fileError('EINVAL')
  return readFileSync(path, 'utf8').replace(/^\uFEFF/, '')
}

function fileError(code: string): Error {
  return Object.assign(new Error(code), { code })
}

/** Reads and checks a configuration file. Paths in it are relative to the file. */
export async function loadConfig(file: string, environment = processEnvironment()): Promise<ConfigResult> {
  const configFile = resolve(environment.workingDir, file)
  let text: string
  try {
    text = environment.readText(configFile)
  } catch (error) {
    const found = `${JSON.stringify(file)}, which cannot be read (${errorCode(error)})`
    return { ok: false, problems: [{ path: '', found, expected: 'a configuration file' }] }
  }
  const parsed = parseYaml(text)
  const input = { configFile, baseDir: dirname(configFile), environment }
  return check(parsed, input)
}

/** Checks a configuration that is already an object, with the keys of the file. */
export function buildConfig(
  value: unknown,
  options: { readonly baseDir?: string; readonly environment?: ConfigEnvironment } = {},
): ConfigResult {
  const environment = options.environment ?? processEnvironment()
  const baseDir = resolve(environment.workingDir, options.baseDir ?? '.')
  const parsed = { value: plainCopy(value), problems: [], locate: () => undefined }
  return check(parsed, { configFile: undefined, baseDir, environment })
}

type CheckInput = {
  readonly configFile: string | undefined
  readonly baseDir: string
  readonly environment: ConfigEnvironment
}

function check(parsed: ParsedYaml, input: CheckInput): ConfigResult {
  const { configFile, baseDir, environment } = input
  const source = resolveSource(baseDir, environment)
  let locationFile: { readonly name: string; readonly parsed: ParsedYaml } | undefined
  const report = createReport(path => {
    if (path[0] === 'locations' && locationFile !== undefined) {
      return placeIn(locationFile.name, locationFile.parsed.locate(path.slice(1)))
    }
    return configFile === undefined ? undefined : placeIn(basename(configFile), parsed.locate(path))
  })
  for (const problem of parsed.problems) report.add(problem.path, problem.found, problem.expected)
  if (parsed.value === undefined && parsed.problems.length > 0) return { ok: false, problems: report.problems }
  let value = expandReferences(parsed.value, [], source, report)
  const locations = ownValue(value, 'locations')
  if (typeof locations === 'string') {
    const read = readLocationFile(locations, source, report)
    if (read !== undefined) locationFile = { name: basename(locations), parsed: read }
    for (const problem of read?.problems ?? []) {
      report.spoil(['locations', ...problem.path], problem.found, problem.expected)
    }
    const outside = expandReferences(read?.value ?? null, ['locations'], source, report)
    value = { ...asMapping(value), locations: outside }
  }
  const config = resolveConfig(value, source, report)
  if (config === undefined || report.problems.length > 0) {
    return { ok: false, problems: inFileOrder(report.problems) }
  }
  return { ok: true, config: { configFile, ...config } }
}

function placeIn(file: string, place: string | undefined): string | undefined {
  return place === undefined ? undefined : `${file}:${place}`
}

function readLocationFile(file: string, source: ResolveSource, report: Report): ParsedYaml | undefined {
  const path = ['locations']
  try {
    const parsed = parseYaml(source.readText(file))
    if (parsed.value !== null) return parsed
    report.spoil(path, `${report.found(path, file)}, which is empty`, 'a file with a mapping of names to locations')
  } catch (error) {
    const found = `${report.found(path, file)}, which cannot be read (${errorCode(error)})`
    report.spoil(path, found, 'a file with locations, or the locations themselves')
  }
  return undefined
}

function resolveSource(baseDir: string, environment: ConfigEnvironment): ResolveSource {
  const absolute = (path: string) => resolve(baseDir, path)
  const { variables, homeDir } = environment
  return {
    variables,
    absolute,
    readText: path => environment.readText(absolute(path)),
    readProfiles: () =>
      environment.readText(absolute(variables['AWS_SHARED_CREDENTIALS_FILE'] || join(homeDir, '.aws', 'credentials'))),
  }
}

const depthMax = 64
const valuesMax = 100_000

/** Plain data only: cycles, and more than any configuration holds, become nothing. */
function plainCopy(root: unknown): unknown {
  let values = 0
  const copyOf = (value: unknown, depth: number): unknown => {
    if (typeof value !== 'object' || value === null) return value
    values += 1
    if (depth > depthMax || values > valuesMax) return null
    if (Array.isArray(value)) return value.map(item => copyOf(item, depth + 1))
    const copy = {}
    for (const [key, item] of Object.entries(value)) {
      const plain = copyOf(item, depth + 1)
      Object.defineProperty(copy, key, { value: plain, enumerable: true, configurable: true, writable: true })
    }
    return copy
  }
  return copyOf(root, 0)
}
