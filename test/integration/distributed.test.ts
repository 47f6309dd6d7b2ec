// Goal: the same program as many processes over Kafka, ZooKeeper, Redis and PostgreSQL brings every version to both clouds, in order, once,
// whichever front end took it, and loses nothing when processes are paused, killed, frozen and restarted one after another. Method: real
// servers and processes, and the vendors' own clients to look at all sides.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { GetObjectCommand, ListBucketsCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import type { ContainerClient } from '@azure/storage-blob'
import { realWorld } from '../../src/base/world.ts'
import { startEngineServers } from '../../src/demo/engine-servers.ts'
import { serviceKeys } from '../../src/engine/service-keys.ts'
import { withSharedValues } from '../../src/metadata/postgres/shared-values.ts'
import { destinationBucket } from '../bench/stage.ts'
import { azureContainer } from '../faults/azure-side.ts'
import { runCli } from '../process/cli.ts'
import type { S3Destination } from '../process/crossbeat.ts'
import { type Distributed, startDistributed } from '../process/distributed.ts'
import type { RoleProcess } from '../process/role-process.ts'
import { azureServer, ownServers, s3Server, uniqueName } from '../services/available.ts'
import { eventually } from '../until.ts'
import {
  containerClient,
  quickRetries,
  replicatedBucket,
  sdkClient,
  statusOf,
  untilStill,
  versionsIn,
} from './two-clouds.ts'

const servers = {
  engine: await ownServers(() => startEngineServers({ flush: false, sessionTimeoutMs: 4_000 })),
  s3: await s3Server(),
  azure: await azureServer(),
}
const skip = servers.engine.skip || servers.s3.skip || servers.azure.skip
const sites = ['awsbackend', 'azurebackend'] as const

describe('a distributed layout', { skip }, () => {
  let layout: Distributed
  let clients: readonly S3Client[]
  let far: S3Client
  let container: ContainerClient
  let copies: S3Destination

  before(async () => {
    copies = await destinationBucket(servers.s3.get())
    const azure = await azureContainer(servers.azure.get(), uniqueName('copies'))
    const { engine } = servers.engine.get()
    layout = await startDistributed({ engine, s3: copies, azure, replication: quickRetries })
    clients = layout.s3.map(address => sdkClient(address, layout.keys))
    far = sdkClient(copies.endpoint, copies)
    container = containerClient(azure)
  })

  after(async () => {
    for (const client of [...(clients ?? []), far]) client?.destroy()
    await layout?.stop()
    for (const server of Object.values(servers)) await server.stop()
  })

  const client = (index: number): S3Client => {
    const found = clients[index % clients.length]
    assert.ok(found)
    return found
  }

  async function newBucket(): Promise<string> {
    const bucket = uniqueName('source')
    await replicatedBucket(client(0), bucket)
    return bucket
  }

  /** Objects of some sizes, some keys more than once, through all front ends. */
  async function upload(bucket: string, prefix: string, count: number): Promise<void> {
    const puts = Array.from({ length: count }, (_, index) => {
      const Body = Buffer.alloc(index % 10 === 0 ? 200_000 : 100 + index, `${prefix}${index}`)
      const Key = `${prefix}-${index % 7 === 0 ? 'again' : index}`
      return client(index).send(new PutObjectCommand({ Bucket: bucket, Key, Body }))
    })
    await Promise.all(puts)
  }

  async function allDrained(): Promise<void> {
    for (const site of sites) await layout.drained(site)
  }

  /** Every version of the bucket is at the S3 cloud once, in the same order for each key; the newest of each at Azure. */
  async function assertEverywhere(bucket: string): Promise<void> {
    const here = (await versionsIn(client(0), bucket)).map(({ key, etag }) => `${bucket}/${key} ${etag}`)
    const there = (await versionsIn(far, copies.bucket)).filter(({ key }) => key.startsWith(`${bucket}/`))
    const found = there.map(({ key, etag }) => `${key} ${etag}`)
    assert.deepEqual(
      [here.filter(one => !found.includes(one)), found.length - here.length],
      [[], 0],
      'missing, too many',
    )
    assert.deepEqual(found, here)
    for (const { key, size, isLatest } of await versionsIn(client(0), bucket)) {
      const status = await statusOf(client(1), bucket, key)
      assert.deepEqual(status.sites, { awsbackend: 'COMPLETED', azurebackend: 'COMPLETED' }, key)
      if (!isLatest) continue
      const blob = await container.getBlobClient(`${bucket}/${key}`).getProperties()
      assert.equal(blob.contentLength, size)
    }
  }

  async function roleOf(process: RoleProcess, role: string): Promise<unknown> {
    const body = (await process.ready())?.body
    const roles: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'roles') : undefined
    return typeof roles === 'object' && roles !== null ? Reflect.get(roles, role) : undefined
  }

  async function elected(): Promise<{ leader: RoleProcess; standby: RoleProcess }> {
    return eventually('one populator is elected', async () => {
      const [first, second] = [layout.process('populator-1'), layout.process('populator-2')]
      const states = [await roleOf(first, 'populator'), await roleOf(second, 'populator')]
      if (states[0] === 'elected' && states[1] === 'standby') return { leader: first, standby: second }
      return states[1] === 'elected' && states[0] === 'standby' ? { leader: second, standby: first } : undefined
    })
  }

  test('objects taken by either front end arrive at both clouds and are read by the other front end', async () => {
    const bucket = await newBucket()
    await upload(bucket, 'first', 40)
    await allDrained()
    await assertEverywhere(bucket)
    const large = await client(1).send(new GetObjectCommand({ Bucket: bucket, Key: 'first-10' }))
    assert.equal((await large.Body?.transformToByteArray())?.length, 200_000)
  })

  test('each process says what it does and that its servers answer', async () => {
    for (const [name, process] of layout.processes) {
      const ready = await eventually(`${name} is ready`, async () => {
        const answer = await process.ready()
        return answer?.status === 200 ? answer : undefined
      })
      const text = JSON.stringify(ready.body)
      assert.match(text, /"name":"PostgreSQL","ok":true/, name)
      assert.match(text, /"name":"ZooKeeper","ok":true/, name)
    }
    await elected()
  })

  /** The key with which the processes sign to each other at the moment. */
  async function serviceKey(): Promise<{ readonly accessKey: string; readonly secretKey: string }> {
    const { url } = servers.engine.get().engine.metadata.postgres
    const keys = await withSharedValues({ url, timers: realWorld.timers }, values =>
      serviceKeys(values, realWorld.random),
    )
    return { accessKey: keys.signing.access, secretKey: keys.signing.secret }
  }

  /** How a listing of all buckets signed with a key ends at each front end: 'ok' or the error's name. */
  async function answersTo(key: { readonly accessKey: string; readonly secretKey: string }): Promise<string> {
    const asked = layout.s3.map(async address => {
      const signing = sdkClient(address, key)
      try {
        await signing.send(new ListBucketsCommand({}))
        return 'ok'
      } catch (error) {
        return error instanceof Error ? error.name : String(error)
      } finally {
        signing.destroy()
      }
    })
    return (await Promise.all(asked)).join(' ')
  }

  async function accountCommand(...args: readonly string[]): Promise<{ accessKey: string; secretKey: string }> {
    const config = layout.process('s3-1').configFile
    const { code, stdout, stderr } = await runCli(['account', ...args, '--json', '--config', config])
    assert.equal(code, 0, stderr)
    return JSON.parse(stdout)
  }

  test('a user that the command line adds is known to every front end, and gone from each when removed', async () => {
    const clerk = await accountCommand('user', 'add', 'administrator', 'clerk', '--rights', 'account')
    await eventually('the user is known', async () => (await answersTo(clerk)) === 'ok ok' || undefined)
    await accountCommand('user', 'remove', 'administrator', 'clerk')
    const gone = 'InvalidAccessKeyId InvalidAccessKeyId'
    await eventually('the user is gone', async () => (await answersTo(clerk)) === gone || undefined)
  })

  test('the key that processes sign to each other with is changed under way, and the former one ends', async () => {
    const bucket = await newBucket()
    await client(0).send(new PutObjectCommand({ Bucket: bucket, Key: 'large', Body: Buffer.alloc(200_000) }))
    const read = () => client(1).send(new GetObjectCommand({ Bucket: bucket, Key: 'large' }))
    const former = await serviceKey()
    assert.equal(await answersTo(former), 'ok ok')
    const { accessKey } = await accountCommand('service', 'rotate', '--now')
    const key = await serviceKey()
    assert.equal(key.accessKey, accessKey)
    await eventually('all know the new key', async () => (await answersTo(key)) === 'ok ok' || undefined)
    assert.equal(await answersTo(former), 'InvalidAccessKeyId InvalidAccessKeyId')
    assert.equal((await (await read()).Body?.transformToByteArray())?.length, 200_000)
    await allDrained()
    await assertEverywhere(bucket)
  })

  test('a pause holds back all processors of its site alone, and a resume brings everything', async () => {
    const bucket = await newBucket()
    await layout.pause('awsbackend')
    await untilStill(layout.control, 'awsbackend', 2)
    await upload(bucket, 'paused', 20)
    await layout.drained('azurebackend')
    assert.equal(await layout.backlog('awsbackend'), 20)
    assert.equal((await versionsIn(far, copies.bucket)).filter(({ key }) => key.startsWith(`${bucket}/`)).length, 0)
    await layout.resume('awsbackend')
    await allDrained()
    await assertEverywhere(bucket)
  })

  test('a killed processor, a killed front end and a killed populator lose nothing', async () => {
    const bucket = await newBucket()
    const uploading = upload(bucket, 'killed', 60)
    await layout.process('awsbackend-1').kill()
    await layout.process('azurebackend-2').kill()
    await (await elected()).leader.kill()
    await uploading
    // What lies on its disk alone can be had again when it is back.
    await layout.process('s3-2').kill()
    await layout.process('s3-2').start()
    await allDrained()
    await assertEverywhere(bucket)
    for (const process of layout.processes.values()) if (process.hasEnded) await process.start()
  })

  test('a populator that was frozen finds that another has taken over, and stands by', async () => {
    const bucket = await newBucket()
    const { leader, standby } = await elected()
    leader.freeze()
    try {
      await upload(bucket, 'frozen', 20)
      await eventually('the other is elected', async () =>
        (await roleOf(standby, 'populator')) === 'elected' ? true : undefined,
      )
      await upload(bucket, 'meanwhile', 20)
    } finally {
      leader.thaw()
    }
    // Looked at from its waking on: later on, on a busy machine, the other may have lost its session, too.
    await eventually('it stands by', async () => (await roleOf(leader, 'populator')) === 'standby' || undefined)
    await upload(bucket, 'woken', 20)
    await elected()
    await allDrained()
    await assertEverywhere(bucket)
  })

  /** As a load balancer does: a connection that breaks is tried again at the other front end. */
  async function putAnywhere(bucket: string, key: string): Promise<void> {
    const order = layout.process('s3-1').isReady ? [0, 1] : [1, 0]
    const put = new PutObjectCommand({ Bucket: bucket, Key: key, Body: key })
    await client(order[0] ?? 0)
      .send(put)
      .catch(() => client(order[1] ?? 1).send(put))
  }

  test('a restart of one process after another loses no request that can go elsewhere, and no object', async () => {
    const bucket = await newBucket()
    let count = 0
    const some = async (): Promise<void> => {
      for (let left = 10; left > 0; left -= 1, count += 1) await putAnywhere(bucket, `rolling-${count}`)
    }
    for (const [name, process] of layout.processes) {
      const [code] = await Promise.all([process.end(), some()])
      assert.equal(code, 0, `${name} ends in good order:\n${process.log()}`)
      await Promise.all([process.start(), some()])
    }
    await allDrained()
    await assertEverywhere(bucket)
  })
})
