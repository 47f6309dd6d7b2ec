// A bucket on a real S3 server as the data location of our own: data stores over it, one per process start, and a look at what lies in it that
// does not go through them.
import { createHttpClient } from '../../../src/base/http-client.ts'
import { Secret } from '../../../src/base/secret.ts'
import { realWorld as world } from '../../../src/base/world.ts'
import { createS3Channel } from '../../../src/locations/aws_s3/channel.ts'
import { listKeys, listUploadsBelow } from '../../../src/locations/aws_s3/data-listing.ts'
import { createS3DataStore, type S3DataStoreOptions } from '../../../src/locations/aws_s3/data-store.ts'
import { writerOf } from '../../../src/locations/data-name.ts'
import type { DataStore } from '../../../src/locations/data-store.ts'
import { createMemoryDataStore } from '../../../src/locations/memory/data-store.ts'
import { type S3Address, uniqueName } from '../../services/available.ts'

export const node = 'n0123456789abcdef'

export interface S3Source {
  /** The store of a process start; `through` is a proxy before the server. */
  open(epoch: string, options?: Partial<S3DataStoreOptions> & { readonly through?: string }): DataStore
  /** What a server of ours needs: `us-east-1` in memory, `awsbackend` in the bucket. */
  storesWith(store: DataStore): ReadonlyMap<string, DataStore>
  keys(): Promise<readonly string[]>
  /** Keys of all that was ever removed in a way that leaves something: versions and delete markers. */
  versions(): Promise<string>
  uploads(): Promise<readonly string[]>
  /** How many parts the unfinished uploads have, all together. */
  storedParts(): Promise<number>
  close(): Promise<void>
}

const versioning =
  '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>'

export async function openS3Source({ endpoint, accessKey, secretKey, region }: S3Address): Promise<S3Source> {
  const url = new URL(endpoint)
  const details = {
    awsEndpoint: url.host,
    bucketName: uniqueName('source'),
    region,
    https: url.protocol === 'https:',
    pathStyle: true,
    serverSideEncryption: false,
    supportsVersioning: true,
    supportsObjectLock: false,
    credentials: { accessKey, secretKey: new Secret(secretKey) },
  }
  const http = createHttpClient()
  const channel = createS3Channel(details, () => ({ accessKey, secretKey }), http, world)
  await channel.send({ method: 'PUT', key: null })
  await channel.send({ method: 'PUT', key: null, query: 'versioning=', body: Buffer.from(versioning) })
  const stores: DataStore[] = []
  return {
    open(epoch, { through, ...options } = {}) {
      const own = through === undefined ? details : { ...details, awsEndpoint: through }
      const writer = writerOf(node, epoch)
      const store = createS3DataStore({ name: 'awsbackend', details: own, http, world, writer, node, ...options })
      stores.push(store)
      return store
    },
    storesWith(store) {
      const memory = createMemoryDataStore({ name: 'us-east-1', epoch: '1', random: world.random, disk: new Map() })
      return new Map([
        ['us-east-1', memory],
        ['awsbackend', store],
      ])
    },
    keys: () => collected(listKeys(channel, '')),
    async versions() {
      const answer = await channel.send({ method: 'GET', key: null, query: 'versions=' })
      return answer.body.toString('utf8')
    },
    async uploads() {
      const found = await collected(listUploadsBelow(channel, ''))
      return found.map(upload => upload.key)
    },
    async storedParts() {
      let count = 0
      for (const { key, uploadId } of await collected(listUploadsBelow(channel, ''))) {
        const answer = await channel.send({ method: 'GET', key, query: `uploadId=${encodeURIComponent(uploadId)}` })
        count += answer.body.toString('utf8').split('<Part>').length - 1
      }
      return count
    },
    async close() {
      for (const store of stores) await store.close()
      await http.close()
    },
  }
}

async function collected<Item>(items: AsyncIterable<Item>): Promise<readonly Item[]> {
  const found: Item[] = []
  for await (const item of items) found.push(item)
  return found
}
