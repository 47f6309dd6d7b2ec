// Makes the places for copies in the two stand-in clouds of compose.yaml: a versioned bucket in the S3 one, a container in Azurite. What is there
// already stays. Fails while a cloud does not answer yet; the compose file starts it again.
import { createHttpClient } from '../../src/base/http-client.ts'
import { realWorld } from '../../src/base/world.ts'
import { createContainer } from '../../src/demo/azure-container.ts'
import { ensureVersionedBucket, openBucket } from '../../src/demo/bucket.ts'

const copies = 'crossbeat-copies'

function required(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: run ./prepare.sh first`)
  return value
}

const http = createHttpClient()
const keys = { accessKey: required('CLOUD_ACCESS_KEY'), secretKey: required('CLOUD_SECRET_KEY') }
const cloud = { address: { host: process.env['CLOUD_HOST'] ?? 's3-cloud', port: 8000 }, bucket: copies, ...keys }
await ensureVersionedBucket(openBucket(cloud, http, realWorld))
const endpoint = process.env['AZURE_ENDPOINT'] ?? 'http://azurite:10000'
const account = { accountName: 'devstoreaccount1', accountKey: required('AZURE_KEY') }
await createContainer(
  { endpoint, blobEndpoint: `${endpoint}/${account.accountName}`, ...account },
  copies,
  http,
  realWorld,
)
await http.close()
console.log(`The bucket and the container ${copies} are there.`)
