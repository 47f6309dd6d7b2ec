// Starts a whole distributed layout on this machine: the servers of the engine, two clouds (versitygw and Azurite) and a process for each role;
// uploads some objects through both S3 front ends, shows that they arrive, and stays until it is told to stop.
// node test/process/distributed-demo.ts [--once]
import { once } from 'node:events'
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { startAzurite } from '../../src/demo/azurite.ts'
import { destinationBucket } from '../bench/stage.ts'
import { azureContainer } from '../faults/azure-side.ts'
import { eventually, replicatedBucket, sdkClient } from '../integration/two-clouds.ts'
import { startS3Server } from '../services/s3-server.ts'
import { type Distributed, startDistributed } from './distributed.ts'
import { startEngineServers } from './engine-servers.ts'

const stops: (() => Promise<void>)[] = []
let layout: Distributed | undefined
try {
  const [servers, s3Server, azurite] = await Promise.all([startEngineServers(), startS3Server(), startAzurite()])
  stops.push(servers.stop, s3Server.stop, azurite.stop)
  const s3 = await destinationBucket(s3Server)
  const azure = await azureContainer(azurite, 'copies')
  console.log(`Engine: ${JSON.stringify(servers.engine)}`)
  const started = await startDistributed({
    engine: servers.engine,
    s3,
    azure,
    logLevel: process.env['LOG_LEVEL'] ?? 'warn',
  })
  layout = started
  stops.push(() => started.stop())
  console.log(
    `S3 on ${started.s3.join(' and ')}, control API on ${started.control}, keys ${JSON.stringify(started.keys)}`,
  )
  for (const [name, { pid, options }] of started.processes)
    console.log(`  ${name}: pid ${pid}, probes on ${options.probes}`)
  const clients = started.s3.map(address => sdkClient(address, started.keys))
  const [client] = clients
  if (client === undefined) throw new Error('no front end')
  await replicatedBucket(client, 'source')
  const sizes = [10, 4_096, 100_000, 30_000_000]
  for (const [index, size] of sizes.entries()) {
    const through = clients[index % clients.length] ?? client
    await through.send(new PutObjectCommand({ Bucket: 'source', Key: `object-${size}`, Body: Buffer.alloc(size, 'x') }))
  }
  for (const size of sizes) {
    const Key = `object-${size}`
    const status = await eventually(`${Key} is COMPLETED`, async () => {
      const { ReplicationStatus } = await client.send(new HeadObjectCommand({ Bucket: 'source', Key }))
      return String(ReplicationStatus) === 'COMPLETED' ? ReplicationStatus : undefined
    })
    const far = await sdkClient(s3.endpoint, s3).send(new GetObjectCommand({ Bucket: s3.bucket, Key: `source/${Key}` }))
    console.log(`${Key}: ${status}, ${far.ContentLength} bytes at the S3 cloud`)
  }
  if (!process.argv.includes('--once')) await once(process, 'SIGINT')
} catch (error) {
  for (const [name, process] of layout?.processes ?? []) console.error(`--- ${name}\n${process.log().slice(-4_000)}`)
  throw error
} finally {
  for (const stop of stops.reverse()) await stop()
}
