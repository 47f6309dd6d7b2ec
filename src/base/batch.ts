// Collects what is asked for within one turn of the event loop and hands it over as one batch: claims, results and status messages cost one
// transaction per batch instead of one each. At most one batch is under way; what arrives meanwhile is the next one.
import type { Timers } from './world.ts'

export interface Batcher<Item, Answer> {
  /** Resolves with the answer for this item; rejects with the batch's error. */
  add(item: Item): Promise<Answer>
  /** Resolves when everything added so far has been answered. */
  idle(): Promise<void>
}

interface Waiting<Item, Answer> {
  readonly item: Item
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

/** `flush` answers in the order of its items. Batches hold at most `max` items. */
export function createBatcher<Item, Answer>(
  timers: Timers,
  max: number,
  flush: (items: readonly Item[]) => Promise<readonly Answer[]>,
): Batcher<Item, Answer> {
  let queue: Waiting<Item, Answer>[] = []
  let scheduled = false
  let running = false
  let idleWaiters: (() => void)[] = []

  const schedule = (): void => {
    if (scheduled || running || queue.length === 0) return
    scheduled = true
    timers.immediate(() => {
      scheduled = false
      void run()
    })
  }

  const run = async (): Promise<void> => {
    const batch = queue.slice(0, max)
    queue = queue.slice(max)
    running = true
    try {
      const answers = await flush(batch.map(waiting => waiting.item))
      batch.forEach((waiting, index) => {
        const answer = answers[index]
        if (answer === undefined) waiting.reject(new Error('a batch was answered with too few answers'))
        else waiting.resolve(answer)
      })
    } catch (error) {
      for (const waiting of batch) waiting.reject(error)
    }
    running = false
    schedule()
    if (queue.length === 0) {
      const done = idleWaiters
      idleWaiters = []
      for (const resolve of done) resolve()
    }
  }

  return {
    add(item) {
      return new Promise((resolve, reject) => {
        queue.push({ item, resolve, reject })
        schedule()
      })
    },
    idle() {
      if (!running && queue.length === 0) return Promise.resolve()
      return new Promise(resolve => idleWaiters.push(resolve))
    },
  }
}
