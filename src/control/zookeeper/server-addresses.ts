// Addresses of the servers in a connection string. Found here and not by the client, which would stop the whole process while a name server is
// asked.
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'

/** The addresses of `zk1:2181,zk2:2181`, with their ports; rejects when no name has one. */
export async function resolveServers(servers: string): Promise<readonly string[]> {
  const found = await Promise.allSettled(servers.split(',').map(resolveServer))
  const addresses = found.flatMap(result => (result.status === 'fulfilled' ? result.value : []))
  if (addresses.length > 0) return addresses
  const refusals = found.flatMap(result => (result.status === 'rejected' ? [String(result.reason)] : []))
  throw new Error(`no address was found for ${servers} (${refusals.join('; ')})`)
}

async function resolveServer(server: string): Promise<readonly string[]> {
  const colon = server.lastIndexOf(':')
  const [host, port] = [server.slice(0, colon).replace(/^\[|\]$/g, ''), server.slice(colon + 1)]
  const addresses = isIP(host) === 0 ? (await lookup(host, { all: true })).map(({ address }) => address) : [host]
  return addresses.map(address => `${address}:${port}`)
}
