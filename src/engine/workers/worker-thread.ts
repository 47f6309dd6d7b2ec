// A worker thread of the S3 port: parses, authenticates, hashes and stores data; reads metadata with a connection of its own and gives changes to
// the writer of the store. What only the main thread knows (the control API, what is removed when) it asks there.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { createAccountDirectory, createLiveDirectory } from '../../accounts/account-directory.ts'
import { collectAll } from '../../base/collector.ts'
import { createHttpClient } from '../../base/http-client.ts'
import { realWorld } from '../../base/world.ts'
import type { Config } from '../../config/types.ts'
import { Failure } from '../../domain/failure.ts'
import type { SealedLocation } from '../../domain/object-metadata.ts'
import type { DataStore } from '../../locations/data-store.ts'
import { joinSqlite } from '../../metadata/sqlite/engine.ts'
import { sqliteMetadataStore } from '../../metadata/sqlite/sqlite-metadata-store.ts'
import { createBackbeatRoutes } from '../../s3/backbeat-routes/mount.ts'
import { openDataStores } from '../data-stores.ts'
import { openDestinations } from '../gateway.ts'
import { Lifecycle } from '../lifecycle.ts'
import { openS3Server } from '../s3-server.ts'
import { bridgeEvents } from './event-bridge.ts'
import type {
  AnswerMessage,
  Asked,
  QuestionKind,
  Questions,
  WorkerMessage,
  WorkerOrder,
  WorkerSetup,
} from './messages.ts'
import { withSecrets } from './secret-form.ts'

/** The main thread, as a worker sees it. */
interface Owner {
  send(message: WorkerMessage): void
  ask<Kind extends QuestionKind>(about: Kind, question: Questions[Kind]['question']): Promise<Questions[Kind]['answer']>
  answered(id: number, answer: AnswerMessage): void
}

function ownerOf(port: MessagePort): Owner {
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  let count = 0
  const send = (message: WorkerMessage): void => port.postMessage(message)
  return {
    send,
    async ask(about, question) {
      const id = count++
      const answer = Promise.withResolvers<unknown>()
      waiting.set(id, answer)
      // Kind and question belong together by the signature.
      send({ kind: 'ask', id, asked: { about, question } as Asked })
      return (await answer.promise) as Questions[typeof about]['answer']
    },
    answered(id, answer) {
      if (answer.ok) waiting.get(id)?.resolve(answer.value)
      else if (answer.failure !== null) waiting.get(id)?.reject(new Failure(answer.failure))
      else waiting.get(id)?.reject(new Error('the main thread could not answer; the log says why'))
      waiting.delete(id)
    },
  }
}

/** Removing happens in the main thread: it is told what must stay for now. */
function toldHolds(stores: ReadonlyMap<string, DataStore>, owner: Owner): ReadonlyMap<string, DataStore> {
  let count = 0
  const told = (location: string, store: DataStore): DataStore => {
    if (store.hold === undefined) return store
    return {
      ...store,
      hold(dataKeys) {
        const id = count++
        owner.send({ kind: 'hold', id, location, dataKeys })
        return () => owner.send({ kind: 'let-go', id })
      },
    }
  }
  return new Map([...stores].map(([location, store]) => [location, told(location, store)] as const))
}

async function serve(port: MessagePort, setup: WorkerSetup): Promise<void> {
  const lifecycle = new Lifecycle()
  const owner = ownerOf(port)
  const world = realWorld
  const config = withSecrets<Config>(setup.config)
  const bridge = bridgeEvents(world.timers, events => owner.send({ kind: 'events', events }))
  lifecycle.add(() => port.close())
  lifecycle.add(() => bridge.close())
  const { databasePath: path, storePort, epoch, bucketChanges, flush } = setup
  const sqlite = joinSqlite({ path, port: storePort, epoch, bucketChanges, world })
  lifecycle.add(() => sqlite.close())
  const http = createHttpClient()
  lifecycle.add(() => http.close())
  const opened = await openDataStores(
    { config, world, http, epoch: setup.writer, flush, threads: config.s3.workers },
    lifecycle,
  )
  const destinations = openDestinations({ config, http, world })
  for (const { location } of destinations.values()) lifecycle.add(() => location.close())
  const routes = createBackbeatRoutes({
    destinations,
    world,
    api: ({ method, target, body }) => owner.ask('api', { method, target, body }),
  })
  lifecycle.add(() => routes.close())
  const directory = createLiveDirectory(createAccountDirectory(setup.accounts))
  port.on('message', (order: WorkerOrder) => {
    if (order.kind === 'answer') owner.answered(order.id, order.answer)
    else if (order.kind === 'accounts') directory.replace(createAccountDirectory(order.accounts))
    // Ends this thread alone, whatever may still be open.
    else if (order.kind === 'close') void lifecycle.close().finally(() => process.exit())
    else {
      // Whoever reads from now on sees that what is to be removed is gone.
      sqlite.reader.refresh()
      owner.send({ kind: 'told', id: order.id })
    }
  })
  const served = {
    ...{ config, world, destinations },
    accounts: { directory },
    store: sqliteMetadataStore(sqlite),
    dataStores: toldHolds(opened.stores, owner),
    masterKeys: {
      wrap: (dataKey: Uint8Array) => owner.ask('wrap', dataKey),
      dataKey: (piece: SealedLocation) => owner.ask('data-key', piece),
    },
    mountedRoutes: routes.serve,
    sharesAddress: true,
  }
  await openS3Server(served, lifecycle)
  collectAll()
  owner.send({ kind: 'listening' })
}

if (parentPort !== null) {
  const port = parentPort
  const setup: WorkerSetup = workerData
  serve(port, setup).catch((error: unknown) => {
    port.postMessage({ kind: 'failed', error } satisfies WorkerMessage)
    // Whatever was opened before it failed would keep the thread alive.
    process.exit()
  })
}
