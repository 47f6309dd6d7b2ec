// Goal: a network that swallows everything between any process and any of its servers, both ways and without a word, costs time and nothing
// else; Redis is not there at all. Method: one layout of real processes that find their servers behind proxies; each story ends with the count.
import assert from 'node:assert/strict'
import { readdirSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { HeadObjectCommand } from '@aws-sdk/client-s3'
import { unsignedPayload } from '../../../src/base/signature-v4.ts'
import { freePort } from '../../../src/services/service-process.ts'
import { prepare } from '../../bench/raw-s3.ts'
import type { RoleProcess } from '../../process/role-process.ts'
import { show } from '../../shown.ts'
import { until } from '../../until.ts'
import { type SwallowingProxy, startSwallowingProxy } from '../swallowing-proxy.ts'
import { versionList } from '../version-list.ts'
import type { Acknowledged } from './load.ts'
import { engineOf } from './servers.ts'
import { openStage, roleOf, type Story, seed } from './stage.ts'

/** Processes that have a proxy of their own between them and a server. */
const behindProxies = {
  Kafka: ['awsbackend-1', 'populator-1', 'populator-2', 'control'],
  ZooKeeper: ['populator-1', 'populator-2', 'awsbackend-1', 's3-1', 'control'],
  PostgreSQL: ['s3-1', 'azurebackend-1', 'populator-1', 'populator-2', 'control'],
} as const
const kafkaWays = await Promise.all(
  behindProxies.Kafka.map(async name => {
    const port = await freePort()
    return { name, port, proxy: await startSwallowingProxy(port) }
  }),
)
const noRedis = await freePort()
/** By process and server; those of ZooKeeper and PostgreSQL are made when their ports are known. */
const proxies = new Map<string, SwallowingProxy>(kafkaWays.map(({ name, proxy }) => [`${name} Kafka`, proxy]))

const available = await openStage({
  ways: kafkaWays.map(({ port, proxy }) => ({ port, advertised: proxy.port })),
  before: async ({ zookeeper, postgres }) => {
    for (const name of behindProxies.ZooKeeper)
      proxies.set(`${name} ZooKeeper`, await startSwallowingProxy(zookeeper.port))
    for (const name of behindProxies.PostgreSQL)
      proxies.set(`${name} PostgreSQL`, await startSwallowingProxy(postgres.port))
  },
  advertise: async (name, listen) => {
    const proxy = await startSwallowingProxy(Number(listen.split(':')[1]))
    proxies.set(`all ${name}`, proxy)
    return `127.0.0.1:${proxy.port}`
  },
  engine: (name, { kafka, zookeeper, postgres }) => {
    const ports = {
      zookeeper: proxies.get(`${name} ZooKeeper`)?.port ?? zookeeper.port,
      postgres: proxies.get(`${name} PostgreSQL`)?.port ?? postgres.port,
      redis: noRedis,
    }
    const way = kafkaWays.find(one => one.name === name)
    return engineOf(way === undefined ? kafka.addresses : [`127.0.0.1:${way.proxy.port}`], ports)
  },
})

after(async () => {
  await available.stop()
  await Promise.all([...proxies.values()].map(proxy => proxy.close()))
})

describe(`processes that are cut off, without Redis (FAULT_SEED=${seed})`, { skip: available.skip }, () => {
  const process = (name: string): RoleProcess => available.get().layout.process(name)

  function proxy(name: string): SwallowingProxy {
    const found = proxies.get(name)
    assert.ok(found, name)
    return found
  }

  /** What the process says of it, and that it says so. */
  const isReady = (name: string, ready: boolean): Promise<unknown> =>
    until(
      `${name} is ${ready ? '' : 'not '}ready`,
      async () => ((await process(name).ready())?.status === 200) === ready,
    )

  /** Swallows until `meanwhile` is over. */
  async function without(swallowing: SwallowingProxy, meanwhile: () => Promise<void>): Promise<void> {
    swallowing.swallow(true)
    try {
      await meanwhile()
    } finally {
      swallowing.swallow(false)
    }
  }

  test('a pause and a resume take effect without Redis', async () => {
    assert.match(
      process('s3-1').log(),
      /starting without Redis: .*(ECONNREFUSED|no answer|[Tt]imeout).*check that it runs/,
    )
    const story = await available.get().story('noredis')
    await available.get().pause('awsbackend')
    const load = story.load()
    await load.more(20)
    assert.equal((await versionList(available.get().s3, `${story.bucket}/`)).size, 0, 'a paused site got something')
    await available.get().resume('awsbackend')
    await load.more(20)
    await story.end(load)
  })

  test('a front end that is cut off from PostgreSQL refuses, says so, and works again', async () => {
    const story = await available.get().story('frontend')
    const load = story.load()
    await load.more(20)
    await without(proxy('s3-1 PostgreSQL'), async () => {
      await isReady('s3-1', false)
      await load.more(10)
    })
    await isReady('s3-1', true)
    await load.more(20)
    await story.end(load)
  })

  test('a front end is killed when the bytes of a put are on its disk and their metadata nowhere: there is no such version', async () => {
    const story = await available.get().story('between')
    const load = story.load({ large: 0 })
    await load.more(20)
    const body = Buffer.alloc(3_333_333, 'x')
    const front = process('s3-1')
    const onDisk = (least = body.length): readonly string[] =>
      filesOf(String(front.options.config['dataDir']), least, body.length)
    const { layout } = available.get()
    const target = { endpoint: layout.s3[0] ?? '', bucket: story.bucket, ...layout.keys }
    const put = prepare(target, 'PUT', `/${story.bucket}/between`, body, unsignedPayload)
    const [host = '', port] = target.endpoint.split(':')
    const socket = connect(Number(port), host)
    socket.on('error', () => {})
    let answer = ''
    socket.on('data', chunk => {
      answer += chunk.toString('latin1')
    })
    socket.write(Buffer.concat([put.head, body.subarray(0, 3_000_000)]))
    await until('some of it has arrived', () => onDisk(1_000_000).length === 1)
    await without(proxy('s3-1 PostgreSQL'), async () => {
      socket.write(body.subarray(3_000_000))
      await until('all of it is on the disk', () => onDisk().length === 1)
      await front.kill()
    })
    assert.equal(answer, '')
    await front.start()
    const head = new HeadObjectCommand({ Bucket: story.bucket, Key: 'between' })
    await assert.rejects(available.get().source.send(head), { name: 'NotFound' })
    await load.more(20)
    await story.end(load)
  })

  test('the only processor of a site is cut off from PostgreSQL, and goes on afterwards', async () => {
    const story = await available.get().story('ledger')
    const load = story.load()
    await load.more(20)
    await without(proxy('azurebackend-1 PostgreSQL'), async () => {
      await isReady('azurebackend-1', false)
      await load.more(20)
    })
    await load.more(20)
    await story.end(load)
  })

  test('all processes are cut off from the front end that has the data: its copies wait, and no others', async () => {
    const story = await available.get().story('data')
    const load = story.load()
    await load.more(20)
    await without(proxy('all s3-1'), async () => {
      await load.more(60)
    })
    await story.end(load)
  })

  test('a processor that is cut off from Kafka leaves its partitions to the other, and takes its part again', async () => {
    const story = await available.get().story('kafka')
    const load = story.load()
    await load.more(20)
    await without(proxy('awsbackend-1 Kafka'), async () => {
      await isReady('awsbackend-1', false)
      const acknowledged = await load.stop()
      await story.ended()
      assert.ok(acknowledged.length > 0)
    })
    const more = story.load()
    await isReady('awsbackend-1', true)
    await more.more(20)
    await story.end(more, await load.stop())
  })

  test('a processor that is cut off from ZooKeeper goes on copying, and follows a pause when it is back', async () => {
    const story = await available.get().story('gate')
    const load = story.load()
    await load.more(20)
    await without(proxy('awsbackend-1 ZooKeeper'), async () => {
      await isReady('awsbackend-1', false)
      await load.more(20)
      await available.get().layout.pause('awsbackend')
    })
    await available.get().pause('awsbackend')
    await load.more(20)
    await available.get().resume('awsbackend')
    await story.end(load)
  })

  /** Cuts the elected populator off; another is elected meanwhile, and everything that was put until then is copied. */
  async function electedWithout(server: 'Kafka' | 'ZooKeeper' | 'PostgreSQL', story: Story): Promise<string> {
    const isElected = async (name: string): Promise<boolean> => (await roleOf(process(name), 'populator')) === 'elected'
    const load = story.load()
    await load.more(20)
    const first = await until('a populator is elected', async () => {
      for (const name of ['populator-1', 'populator-2']) if (await isElected(name)) return name
      return null
    })
    const second = first === 'populator-1' ? 'populator-2' : 'populator-1'
    let acknowledged: readonly Acknowledged[] = []
    await without(proxy(`${first} ${server}`), async () => {
      const cutAt = performance.now()
      await until('the other is elected', () => isElected(second), 240_000)
      show(`${server}: the other populator took over after ${((performance.now() - cutAt) / 1000).toFixed(1)} s`)
      await load.more(20)
      acknowledged = await load.stop()
      await story.ended()
    })
    const more = story.load()
    await more.more(20)
    await story.end(more, acknowledged)
    return first
  }

  test('the elected populator is cut off from ZooKeeper: the other takes over, and nothing is published out of order', async () => {
    const first = await electedWithout('ZooKeeper', await available.get().story('election'))
    await until('the former one stands by', async () => (await roleOf(process(first), 'populator')) === 'standby')
  })

  test('the elected populator is cut off from Kafka: it leaves its work to the other', async () => {
    await electedWithout('Kafka', await available.get().story('publishing'))
  })

  test('the elected populator is cut off from PostgreSQL: it leaves its work to the other', async () => {
    await electedWithout('PostgreSQL', await available.get().story('journal'))
  })

  test('a front end that is cut off from ZooKeeper takes and gives objects all the same', async () => {
    const story = await available.get().story('objects')
    const [near] = available.get().frontEnds
    assert.ok(near)
    const load = story.load({ frontEnds: [near] })
    await load.more(20)
    await without(proxy('s3-1 ZooKeeper'), async () => {
      await load.more(60)
    })
    await story.end(load)
  })

  for (const server of ['Kafka', 'ZooKeeper', 'PostgreSQL'] as const) {
    test(`the status role is cut off from ${server}, says so, and goes on afterwards`, async () => {
      const story = await available.get().story(`status${server.slice(0, 1).toLowerCase()}`)
      const load = story.load()
      await load.more(20)
      await without(proxy(`control ${server}`), async () => {
        await isReady('control', false)
        await load.more(20)
      })
      await isReady('control', true)
      await load.more(20)
      await story.end(load)
    })
  }
})

/** Files of so many bytes at least and at most, in the folder and below. */
function filesOf(folder: string, least: number, most: number): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .filter(file => {
      const { size = 0 } = statSync(file, { throwIfNoEntry: false }) ?? {}
      return size >= least && size <= most
    })
}
