// Makes the container that the demo replicates to: the one request that a location itself never needs.
import { createHmac } from 'node:crypto'
import type { HttpClient } from '../base/http-client.ts'
import type { World } from '../base/world.ts'
import type { RunningAzurite } from '../services/azurite.ts'

const protocolVersion = '2021-12-02'

/** Creates the container unless it is there (Azure: Create Container, Shared Key). */
export async function createContainer(
  azure: Pick<RunningAzurite, 'endpoint' | 'blobEndpoint' | 'accountName' | 'accountKey'>,
  container: string,
  http: HttpClient,
  world: World,
): Promise<void> {
  const path = `${new URL(azure.blobEndpoint).pathname}/${container}`
  const date = new Date(world.clock.now()).toUTCString()
  const headers = `x-ms-date:${date}\nx-ms-version:${protocolVersion}\n`
  const text = `PUT${'\n'.repeat(12)}${headers}/${azure.accountName}${path}\nrestype:container`
  const signature = createHmac('sha256', Buffer.from(azure.accountKey, 'base64')).update(text, 'utf8').digest('base64')
  const answer = await http.request({
    origin: azure.endpoint,
    method: 'PUT',
    path: `${path}?restype=container`,
    headers: {
      'x-ms-date': date,
      'x-ms-version': protocolVersion,
      authorization: `SharedKey ${azure.accountName}:${signature}`,
      'content-length': '0',
    },
  })
  if (answer.status !== 201 && answer.status !== 409) {
    throw new Error(`Azurite did not make the container ${container}: ${answer.status} ${answer.body.toString()}`)
  }
}
