// The garbage collector on demand, where the program knows more than it: that much has just become garbage, or that little will be for long.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

type Collect = (options: { readonly type: 'minor' | 'major'; readonly flavor?: 'last-resort' }) => void

let found: Collect | undefined

/** The youngest objects of this thread only. */
export function collectYoungest(): void {
  collector()({ type: 'minor' })
}

/** Everything of this thread that can be had; the room for new objects is made small again. */
export function collectAll(): void {
  collector()({ type: 'major', flavor: 'last-resort' })
}

function collector(): Collect {
  found ??= findCollector()
  return found
}

function findCollector(): Collect {
  setFlagsFromString('--expose-gc')
  // Where V8 is told to, a new context has the function.
  const gc: unknown = runInNewContext('gc')
  return typeof gc === 'function' ? options => gc(options) : () => undefined
}
