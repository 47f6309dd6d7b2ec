// A blob as a tool that knows the rules reads it: user metadata and tags as they were at the source, and what the blob says of itself.
import type { ContainerClient } from '@azure/storage-blob'

export interface ReadBlob {
  readonly bytes: Buffer
  /** User metadata, names and values as clients of the source know them. */
  readonly user: Readonly<Record<string, string>>
  readonly markers: Readonly<Record<string, string>>
  readonly tags: Readonly<Record<string, string>>
  /** As it is stored. */
  readonly raw: Readonly<Record<string, string>>
  readonly contentType: string | undefined
  readonly cacheControl: string | undefined
  readonly contentDisposition: string | undefined
  readonly contentEncoding: string | undefined
  readonly contentLanguage: string | undefined
  readonly blocks: number
}

const markerNames = ['scal_replication_status', 'scal_version_id']
const rules = ['scal_names', 'scal_encoding', 'tags']

export async function readBlob(container: ContainerClient, name: string): Promise<ReadBlob> {
  const client = container.getBlobClient(name)
  const properties = await client.getProperties()
  const raw = properties.metadata ?? {}
  const names = objectOf(raw['scal_names'])
  const user: Record<string, string> = {}
  const markers: Record<string, string> = {}
  for (const [stored, value] of Object.entries(raw)) {
    if (markerNames.includes(stored)) markers[stored] = value
    else if (!rules.includes(stored)) {
      const original = names[stored] ?? stored.replaceAll('_', '-')
      user[original] = raw['scal_encoding'] === 'percent' ? decodeURIComponent(value) : value
    }
  }
  const { committedBlocks } = await container.getBlockBlobClient(name).getBlockList('committed')
  return {
    bytes: await client.downloadToBuffer(),
    user,
    markers,
    tags: objectOf(raw['tags']),
    raw,
    contentType: properties.contentType,
    cacheControl: properties.cacheControl,
    contentDisposition: properties.contentDisposition,
    contentEncoding: properties.contentEncoding,
    contentLanguage: properties.contentLanguage,
    blocks: committedBlocks?.length ?? 0,
  }
}

function objectOf(json: string | undefined): Readonly<Record<string, string>> {
  return json === undefined ? {} : (JSON.parse(json) as Record<string, string>)
}
