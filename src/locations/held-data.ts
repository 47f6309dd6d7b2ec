// Data that is being read although nothing references it any more: an object of many pieces that is deleted in the middle of a GET is still
// read to its end. Removing such data is put off until the last reader has let it go; should the process end before, the sweep takes it.

export interface HeldData {
  /** Returns how to let go; twice does nothing. */
  hold(dataKeys: readonly string[]): () => void
  /** True: somebody reads it, and it will be removed after him. */
  putsOff(dataKey: string): boolean
}

/** `remove` is called for data whose removal was put off. */
export function createHeldData(remove: (dataKey: string) => void): HeldData {
  const readers = new Map<string, number>()
  const unwanted = new Set<string>()
  const letGo = (dataKey: string): void => {
    const left = (readers.get(dataKey) ?? 1) - 1
    if (left > 0) {
      readers.set(dataKey, left)
      return
    }
    readers.delete(dataKey)
    if (unwanted.delete(dataKey)) remove(dataKey)
  }
  return {
    hold(dataKeys) {
      for (const dataKey of dataKeys) readers.set(dataKey, (readers.get(dataKey) ?? 0) + 1)
      let held = true
      return () => {
        if (!held) return
        held = false
        for (const dataKey of dataKeys) letGo(dataKey)
      }
    },
    putsOff(dataKey) {
      if (!readers.has(dataKey)) return false
      unwanted.add(dataKey)
      return true
    },
  }
}
