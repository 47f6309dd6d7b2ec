// What the sections of servers have in common: addresses to listen on, and files that must be readable.
import { parseHostPort } from './address.ts'
import type { Path, Report } from './problem.ts'
import { errorCode, type ReferenceSource } from './references.ts'
import type { HostPort } from './types.ts'

export function readListen(value: unknown, path: Path, defaultPort: number, report: Report): HostPort | undefined {
  if (value === undefined) return { host: '127.0.0.1', port: defaultPort }
  if (typeof value !== 'string') return undefined
  const address = parseHostPort(value, { zero: true })
  if (address === undefined) report.add(path, report.found(path, value), 'host:port, such as 127.0.0.1:8000')
  return address
}

/** A file that is needed later must be readable now; `path` is where the configuration names it. */
export function checkReadable(
  file: string,
  path: Path,
  source: Pick<ReferenceSource, 'readText'>,
  report: Report,
): void {
  try {
    source.readText(file)
  } catch (error) {
    const found = `${report.found(path, file)}, which cannot be read (${errorCode(error)})`
    report.add(path, found, 'a file that can be read')
  }
}
