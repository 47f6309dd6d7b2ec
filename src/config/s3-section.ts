// The section `s3`: where the S3 port listens, by how many threads, by which names it is known, and whether it speaks HTTPS.
import { availableParallelism, platform } from 'node:os'
import { parseHostPort } from './address.ts'
import { readEncryption } from './encryption.ts'
import { checkReadable, readListen } from './listen.ts'
import type { Report } from './problem.ts'
import type { ReferenceSource } from './references.ts'
import { s3Schema } from './schema.ts'
import { fitsShape, ownValue } from './shape.ts'
import type { HostPort, LifecycleConfig, S3Config } from './types.ts'

/** Undefined if anything is wrong, which is in the report. */
export function readS3(
  value: unknown,
  source: ReferenceSource & { absolute(path: string): string },
  report: Report,
): S3Config | undefined {
  const listen = readListen(ownValue(value, 'listen'), ['s3', 'listen'], 8000, report)
  const advertise = readAdvertised(ownValue(value, 'advertise'), report)
  const encryption = readEncryption(ownValue(value, 'encryption'), report)
  const rawTls = ownValue(value, 'tls')
  for (const name of ['cert', 'key']) {
    const file = ownValue(rawTls, name)
    if (typeof file === 'string') checkReadable(file, ['s3', 'tls', name], source, report)
  }
  const tlsListen = ownValue(rawTls, 'listen')
  const tlsAddress = tlsListen === undefined ? undefined : readListen(tlsListen, ['s3', 'tls', 'listen'], 0, report)
  if (listen === undefined || (value !== undefined && !fitsShape(s3Schema, value))) return undefined
  const { region = 'us-east-1', endpoints = [], websiteEndpoints = [] } = value ?? {}
  const { tls, lifecycle, workers = defaultWorkers() } = value ?? {}
  return {
    listen,
    advertise,
    encryption,
    workers,
    lifecycle: lifecycleOf(lifecycle),
    region,
    endpoints: endpoints.map(endpoint => endpoint.toLowerCase()),
    websiteEndpoints: websiteEndpoints.map(endpoint => endpoint.toLowerCase()),
    tls:
      tls === undefined
        ? undefined
        : { certFile: source.absolute(tls.cert), keyFile: source.absolute(tls.key), listen: tlsAddress },
  }
}

function readAdvertised(value: unknown, report: Report): HostPort | undefined {
  if (typeof value !== 'string') return undefined
  const address = parseHostPort(value)
  const path = ['s3', 'advertise']
  if (address === undefined) report.add(path, report.found(path, value), 'host:port, such as s3-1.example:8000')
  return address
}

/** Where a day is shorter, the walks come as much sooner. */
function lifecycleOf(raw: { intervalSeconds?: number; dayLengthSeconds?: number } | undefined): LifecycleConfig {
  const { dayLengthSeconds = 86_400, intervalSeconds = Math.ceil(Math.min(3600, dayLengthSeconds / 2)) } = raw ?? {}
  return { intervalMs: intervalSeconds * 1000, dayMs: dayLengthSeconds * 1000 }
}

/** Where listeners can share an address, one for each of the first cores; a single core is served best by a single thread. */
function defaultWorkers(): number {
  const cores = availableParallelism()
  return platform() === 'linux' && cores > 1 ? Math.min(cores, 4) : 0
}
