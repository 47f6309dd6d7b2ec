// The garbage collector on demand, where the program knows more than it: that much has just become garbage, or that little will be for long.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

interface CollectOptions {
  readonly type: 'minor' | 'major'
  /** Everything that can be had, and the room for new objects is made small again. */
  readonly flavor?: 'last-resort'
}

type Collect = (options: CollectOptions) => void

let collect: Collect | undefined

/** Of this thread. */
export function collectGarbage(options: CollectOptions): void {
  collect ??= findCollector()
  collect(options)
}

function findCollector(): Collect {
  setFlagsFromString('--expose-gc')
  // Where V8 is told to, a new context has the function.
  const found: unknown = runInNewContext('gc')
  return typeof found === 'function' ? options => found(options) : () => undefined
}
