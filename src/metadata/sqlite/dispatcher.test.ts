// Batches as the writer gets them: who comes first, who shares a flush, and what a failure does to whom.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { realWorld } from '../../base/world.ts'
import { Dispatcher, StoreClosedError, StoreFailedError } from './dispatcher.ts'
import type { Batch, BatchReply } from './writer.ts'

interface Run {
  readonly batch: Batch
  answer(reply?: Partial<BatchReply>): void
}

function fixture() {
  const runs: Run[] = []
  const seen = { journaled: 0, fatal: 0 }
  let started: () => void = () => {}
  const runner = {
    run(batch: Batch, done: (reply: BatchReply) => void) {
      const replies = batch.commands.map((_, index) => ({ ok: true, value: index }) as const)
      const usual: BatchReply = { replies, journaled: false, logPages: 0, fatal: null }
      runs.push({ batch, answer: (reply = {}) => done({ ...usual, ...reply }) })
      started()
    },
  }
  const dispatcher = new Dispatcher(realWorld, runner, {
    carriedOut: () => undefined,
    journaled: () => {
      seen.journaled += 1
    },
    grown: () => {},
    fatal: () => {
      seen.fatal += 1
    },
  })
  const next = async (): Promise<Run> => {
    if (runs.length === 0)
      await new Promise<void>(resolve => {
        started = resolve
      })
    return runs.shift() ?? assert.fail('no run')
  }
  const client = () => dispatcher.submit('client', 'next-lease-epoch', { path: 'x' })
  const replication = () => dispatcher.submit('replication', 'trim-journal', { sequence: 1 })
  return { dispatcher, next, seen, client, replication, runs }
}

/** Until what is due in this turn of the event loop has run. */
const turn = () => new Promise<void>(resolve => realWorld.timers.immediate(resolve))

const kinds = (run: Run): string[] => run.batch.commands.map(command => command.kind)

test('commands of one turn share a batch, client commands first, and only they ask for a flush', async () => {
  const { next, client, replication } = fixture()
  const answers = [replication(), client(), replication()]
  const run = await next()
  assert.deepEqual(kinds(run), ['next-lease-epoch', 'trim-journal', 'trim-journal'])
  assert.equal(run.batch.durable, true)
  run.answer()
  assert.deepEqual(await Promise.all(answers), [1, 0, 2])
  const alone = replication()
  const second = await next()
  assert.equal(second.batch.durable, false)
  second.answer({ journaled: true })
  await alone
})

test('one batch is under way at a time, and replication gets a tenth of the next one however many clients wait', async () => {
  const { next, client, replication, runs } = fixture()
  const first = client()
  const running = await next()
  const clients = Array.from({ length: 2000 }, client)
  const others = Array.from({ length: 100 }, replication)
  await turn()
  assert.equal(runs.length, 0)
  running.answer()
  await first
  const loaded = await next()
  assert.ok(loaded.batch.commands.length < 2000)
  const share = kinds(loaded).filter(kind => kind === 'trim-journal').length / loaded.batch.commands.length
  assert.ok(share >= 0.1, `replication had ${share}`)
  loaded.answer()
  for (let left = 0; left < 10; left += 1) {
    const run = runs.shift()
    run?.answer()
    await turn()
  }
  await Promise.all([...clients, ...others])
})

test('a refused command is an error, and those beside it are not', async () => {
  const { next, client } = fixture()
  const answers = Promise.allSettled([client(), client()])
  ;(await next()).answer({
    replies: [
      { ok: false, message: 'no' },
      { ok: true, value: 2 },
    ],
  })
  const [first, second] = await answers
  assert.ok(first?.status === 'rejected' && first.reason instanceof StoreFailedError)
  assert.ok(second?.status === 'fulfilled' && second.value === 2)
})

test('a final failure refuses what waits and all that comes, and is told once', async () => {
  const { dispatcher, next, client, seen } = fixture()
  const underWay = assert.rejects(client(), StoreFailedError)
  const run = await next()
  const waiting = assert.rejects(client(), StoreFailedError)
  run.answer({ replies: [{ ok: false, message: 'disk I/O error' }], fatal: 'disk I/O error' })
  await underWay
  await waiting
  await assert.rejects(client(), /disk I\/O error/)
  dispatcher.fail(new Error('again'))
  assert.equal(seen.fatal, 1)
  await dispatcher.settle()
})

test('refusing without waiting forgets what is under way, too', async () => {
  const { dispatcher, next, client, seen } = fixture()
  const underWay = assert.rejects(client(), StoreClosedError)
  const run = await next()
  dispatcher.refuse(new StoreClosedError('gone'))
  run.answer({ journaled: true })
  await underWay
  assert.equal(seen.journaled, 0)
})

test('settling waits for what is queued', async () => {
  const { dispatcher, next, client } = fixture()
  let settled = false
  const answer = client()
  const settling = dispatcher.settle().then(() => {
    settled = true
  })
  const run = await next()
  assert.equal(settled, false)
  run.answer()
  await answer
  await settling
})
