// The versions of a bucket in the order of the server's own listing, delete markers in their places (the SDK tears the two apart).
import { createHttpClient } from '../../src/base/http-client.ts'
import { realWorld } from '../../src/base/world.ts'
import { openBucket } from '../../src/demo/bucket.ts'
import type { S3Destination } from '../process/crossbeat.ts'

export interface ListedEntry {
  readonly versionId: string
  readonly isMarker: boolean
}

/** By key, oldest first; of keys that begin with `prefix`. */
export async function versionList(
  place: S3Destination,
  prefix = '',
): Promise<ReadonlyMap<string, readonly ListedEntry[]>> {
  const [host = '', port = ''] = place.endpoint.split(':')
  const http = createHttpClient()
  const found = new Map<string, Map<string, ListedEntry>>()
  try {
    const channel = openBucket({ ...place, address: { host, port: Number(port) } }, http, realWorld)
    for (let position: string | null = ''; position !== null; ) {
      const page: string = (
        await channel.send({
          method: 'GET',
          key: null,
          query: `versions=&encoding-type=url&prefix=${encodeURIComponent(prefix)}${position}`,
        })
      ).body.toString('utf8')
      for (const [, kind = '', entry = ''] of page.matchAll(/<(Version|DeleteMarker)>(.*?)<\/\1>/gs)) {
        const key = decoded(textOf(entry, 'Key'))
        const versionId = textOf(entry, 'VersionId')
        const entries = found.get(key) ?? new Map<string, ListedEntry>()
        // The server of the tests repeats the last entry of a page on the next one.
        if (!entries.has(versionId)) entries.set(versionId, { versionId, isMarker: kind === 'DeleteMarker' })
        found.set(key, entries)
      }
      const after = encodeURIComponent(decoded(textOf(page, 'NextKeyMarker')))
      const next = `&key-marker=${after}&version-id-marker=${textOf(page, 'NextVersionIdMarker')}`
      position = textOf(page, 'IsTruncated') === 'true' ? next : null
    }
  } finally {
    await http.close()
  }
  return new Map([...found].map(([key, entries]) => [key, oldestFirst([...entries.values()])]))
}

const ulid = /^[0-9A-HJKMNP-TV-Z]{26}$/

/** The server of the tests lists delete markers after all versions of a page; its ids begin with the time. */
function oldestFirst(entries: readonly ListedEntry[]): readonly ListedEntry[] {
  if (!entries.every(({ versionId }) => ulid.test(versionId))) return entries.toReversed()
  return entries.toSorted((a, b) => (a.versionId < b.versionId ? -1 : 1))
}

function textOf(xml: string, name: string): string {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? ''
}

function decoded(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '))
}
