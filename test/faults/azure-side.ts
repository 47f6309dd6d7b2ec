// The Azure side of a fault test, read with Microsoft's own client.
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import type { AzureDestination } from '../process/crossbeat.ts'
import type { AzureAddress } from '../services/available.ts'

function client(endpoint: string, account: string, key: string): BlobServiceClient {
  return new BlobServiceClient(endpoint.replace(/\/$/, ''), new StorageSharedKeyCredential(account, key))
}

/** A new container, as a destination of a Crossbeat process. */
export async function azureContainer(address: AzureAddress, container: string): Promise<AzureDestination> {
  const { blobEndpoint, accountName, accountKey } = address
  await client(blobEndpoint, accountName, accountKey).createContainer(container)
  return { endpoint: `${blobEndpoint}/`, container, account: accountName, key: accountKey }
}

/** Names of all blobs with the source version they hold. */
export async function blobsOf(destination: AzureDestination): Promise<Map<string, string>> {
  const service = client(destination.endpoint, destination.account, destination.key)
  const blobs = new Map<string, string>()
  for await (const blob of service.getContainerClient(destination.container).listBlobsFlat({ includeMetadata: true })) {
    blobs.set(blob.name, blob.metadata?.['scal_version_id'] ?? '')
  }
  return blobs
}
