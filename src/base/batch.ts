// Collects what is asked for within one turn of the event loop and hands it over as one batch: claims, results and status messages cost one
// transaction per batch instead of one each. At most one batch is under way; what arrives meanwhile is the next one. Where more is expected soon
// and nobody is kept from working, a batch may wait for it.
import type { Timer, Timers } from './world.ts'

export interface Batcher<Item, Answer> {
  /** Resolves with the answer for this item; rejects with the batch's error. */
  add(item: Item): Promise<Answer>
  /** What waits for company goes now, in this very turn if no batch is under way. */
  hurry(): void
  /** Resolves when everything added so far has been answered. */
  idle(): Promise<void>
}

/** Until when a batch waits for more to come. */
export interface Company {
  /** It is full enough with so many items. */
  readonly count: number
  /** From its first item on. */
  readonly withinMs: number
  /** Asked at each item: false, and the batch goes with the end of the turn. */
  isExpected(): boolean
}

interface Waiting<Item, Answer> {
  readonly item: Item
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

/** `flush` answers in the order of its items. Batches hold at most `max` items. Without `company` none waits longer than its turn. */
export function createBatcher<Item, Answer>(
  timers: Timers,
  max: number,
  flush: (items: readonly Item[]) => Promise<readonly Answer[]>,
  company?: Company,
): Batcher<Item, Answer> {
  let queue: Waiting<Item, Answer>[] = []
  let scheduled = false
  let running = false
  let hurried = false
  let timer: Timer | null = null
  let idleWaiters: (() => void)[] = []

  const schedule = (): void => {
    if (scheduled || running || queue.length === 0) return
    if (company !== undefined && !hurried && queue.length < company.count && company.isExpected()) {
      timer ??= timers.after(company.withinMs, hurry)
      return
    }
    scheduled = true
    timers.immediate(() => {
      scheduled = false
      void run()
    })
  }

  const hurry = (): void => {
    if (queue.length === 0) return
    hurried = true
    void run()
  }

  const run = async (): Promise<void> => {
    if (running || queue.length === 0) return
    const batch = queue.slice(0, max)
    queue = queue.slice(max)
    running = true
    hurried = queue.length > 0 && hurried
    timer?.cancel()
    timer = null
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
    hurry,
    idle() {
      hurry()
      if (!running && queue.length === 0) return Promise.resolve()
      return new Promise(resolve => idleWaiters.push(resolve))
    },
  }
}
