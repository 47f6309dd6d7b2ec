// The conformance suite of locations, run by every adapter: memory with and without versions, aws_s3 against an S3 server of someone else's
// make, azure against Azurite.
import { after } from 'node:test'
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { createHttpClient } from '../../src/base/http-client.ts'
import { Secret } from '../../src/base/secret.ts'
import { realWorld } from '../../src/base/world.ts'
import { decodeWords } from '../../src/domain/encoded-word.ts'
import { createS3Channel } from '../../src/locations/aws_s3/channel.ts'
import { createS3Location } from '../../src/locations/aws_s3/location.ts'
import { createAzureLocation } from '../../src/locations/azure/location.ts'
import { createMemoryCloud } from '../../src/locations/memory/cloud.ts'
import { createMemoryLocation } from '../../src/locations/memory/location.ts'
import { azureServer, s3Server, uniqueName } from '../services/available.ts'
import { locationConformance } from './location.ts'

locationConformance({
  name: 'memory with versions',
  async make() {
    const cloud = createMemoryCloud(realWorld, { versions: true })
    return { location: createMemoryLocation({ name: 'memory', cloud, world: realWorld }), close: async () => {} }
  },
})

locationConformance({
  name: 'memory without versions',
  async make() {
    const cloud = createMemoryCloud(realWorld, { versions: false })
    const capabilities = { versions: false, conditionalWrites: true, clientMadeUploadIds: true }
    const location = createMemoryLocation({ name: 'memory', cloud, world: realWorld, capabilities })
    return { location, close: async () => {} }
  },
})

const s3 = await s3Server()
after(() => s3.stop())

const versioning =
  '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>'

for (const versions of [true, false]) {
  locationConformance({
    name: `aws_s3 ${versions ? 'with' : 'without'} versions`,
    skip: s3.skip,
    async make() {
      const { endpoint, accessKey, secretKey, region } = s3.get()
      const url = new URL(endpoint)
      const details = {
        awsEndpoint: url.host,
        bucketName: uniqueName('copies'),
        region,
        https: url.protocol === 'https:',
        pathStyle: true,
        serverSideEncryption: false,
        supportsVersioning: versions,
        supportsObjectLock: false,
        credentials: { accessKey, secretKey: new Secret(secretKey) },
      }
      const http = createHttpClient()
      const channel = createS3Channel(details, () => ({ accessKey, secretKey }), http, realWorld)
      await channel.send({ method: 'PUT', key: null })
      if (versions)
        await channel.send({ method: 'PUT', key: null, query: 'versioning=', body: Buffer.from(versioning) })
      const location = createS3Location({ name: 'awsbackend', details, http, world: realWorld })
      const readMetadata = async (key: string): Promise<Record<string, string>> => {
        const { headers } = await channel.send({ method: 'HEAD', key })
        const own = Object.entries(headers).filter(([name]) => /^x-amz-meta-(?!scal-)/.test(name))
        return Object.fromEntries(own.map(([name, value]) => [name.slice('x-amz-meta-'.length), decodeWords(value)]))
      }
      return { location, readMetadata, close: () => http.close() }
    },
  })
}

const azure = await azureServer()
after(() => azure.stop())

locationConformance({
  name: 'azure',
  skip: azure.skip,
  async make() {
    const { blobEndpoint, accountName, accountKey } = azure.get()
    const azureContainerName = uniqueName('copies')
    const credential = new StorageSharedKeyCredential(accountName, accountKey)
    const container = new BlobServiceClient(blobEndpoint, credential).getContainerClient(azureContainerName)
    await container.create()
    const auth = { kind: 'sharedKey', account: accountName, key: new Secret(accountKey) } as const
    const details = { azureStorageEndpoint: `${blobEndpoint}/`, azureContainerName, auth }
    const http = createHttpClient()
    const location = createAzureLocation({ name: 'azurebackend', details, http, world: realWorld })
    // Undoes the encoding as the documentation tells a reader to.
    const readMetadata = async (key: string): Promise<Record<string, string>> => {
      const { metadata = {} } = await container.getBlobClient(key).getProperties()
      const { scal_names = '{}', scal_encoding, tags: _, ...rest } = metadata
      const names: unknown = JSON.parse(scal_names)
      const originals = new Map(Object.entries(Object(names)))
      const user = Object.entries(rest).filter(([name]) => !name.startsWith('scal_'))
      return Object.fromEntries(
        user.map(([name, value]) => [
          String(originals.get(name) ?? name.replaceAll('_', '-')),
          scal_encoding === 'percent' ? decodeURIComponent(value) : value,
        ]),
      )
    }
    return { location, readMetadata, close: () => http.close() }
  },
})
