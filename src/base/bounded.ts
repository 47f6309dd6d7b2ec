// Bounds on what a process holds at once: a byte budget that transfers acquire before they read. First come, first served, so that a large
// request is never starved by small ones. It never hands out more than its size, except to a single request that is larger than all of it.

/** Bytes held by one transfer; releasing twice does nothing. */
export interface Hold {
  release(): void
}

export interface ByteBudget {
  /** Waits until `bytes` fit; rejects with the signal's reason when it aborts first. */
  acquire(bytes: number, signal?: AbortSignal): Promise<Hold>
  /** Bytes held now. */
  readonly held: number
  /** Requests that wait. */
  readonly waiting: number
}

interface Waiter {
  readonly bytes: number
  readonly grant: () => void
}

/** A budget of `size` bytes. A request larger than the whole budget is granted when nothing else is held. */
export function createByteBudget(size: number): ByteBudget {
  const waiters = new Set<Waiter>()
  let held = 0

  const fits = (bytes: number): boolean => held === 0 || held + bytes <= size

  const hold = (bytes: number): Hold => {
    held += bytes
    let released = false
    return {
      release() {
        if (released) return
        released = true
        held -= bytes
        for (const waiter of waiters) {
          if (!fits(waiter.bytes)) return
          waiters.delete(waiter)
          waiter.grant()
        }
      },
    }
  }

  return {
    acquire(bytes, signal) {
      if (signal?.aborted) return Promise.reject(signal.reason)
      if (waiters.size === 0 && fits(bytes)) return Promise.resolve(hold(bytes))
      return new Promise((resolve, reject) => {
        const onAbort = (): void => {
          waiters.delete(waiter)
          reject(signal?.reason)
        }
        const waiter: Waiter = {
          bytes,
          grant: () => {
            signal?.removeEventListener('abort', onAbort)
            resolve(hold(bytes))
          },
        }
        waiters.add(waiter)
        signal?.addEventListener('abort', onAbort, { once: true })
      })
    },
    get held() {
      return held
    },
    get waiting() {
      return waiters.size
    },
  }
}

/**
 * Runs `work` over the items, at most `width` at a time, in order of start. After the first failure nothing more is started; the promise
 * rejects with it once what was running has ended, so that nothing goes on behind the caller's back.
 */
export async function forEachBounded<Item>(
  items: readonly Item[],
  width: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  let next = 0
  let failure: { readonly error: unknown } | undefined
  const lane = async (): Promise<void> => {
    while (failure === undefined && next < items.length) {
      const item = items[next]
      next += 1
      if (item === undefined) continue
      try {
        await work(item)
      } catch (error) {
        failure ??= { error }
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane))
  if (failure !== undefined) throw failure.error
}
