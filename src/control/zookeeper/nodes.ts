// Nodes of ZooKeeper below one folder (what ZooKeeper calls a chroot; ours to make, so that it need not be there). A node without data is a
// folder. Calls are tried again on a lost connection until their deadline, as far as that cannot do anything twice.
import type { Connection, Reply } from './connection.ts'
import { codes, flags, type NativeHandle, type Stat } from './native.ts'
import { ZookeeperError } from './zookeeper-error.ts'

export interface Node {
  /** Null for a folder. */
  readonly text: string | null
  readonly stat: Stat
}

/**
 * What became of a write. `lost-race`: it did not happen, because the node was made, changed or deleted meanwhile. `unknown`: it may have
 * happened, or may still happen as long as the node stays as it was.
 */
export type WriteOutcome = 'done' | 'lost-race' | 'not-empty' | 'unknown'

export interface Written {
  readonly outcome: WriteOutcome
  /** The node as it was written; null unless it was. */
  readonly stat: Stat | null
}

/** A server refuses more than 1 MiB by cutting the connection, again and again: so it is refused here. */
const valueBytesMax = 1_000_000
/** Stands for the empty text: a node without data is a folder. */
const emptyText = Uint8Array.of(0)

export class Nodes {
  readonly #connection: Connection
  readonly #root: string

  /** `root` begins with a slash and ends without one; empty for the whole tree. */
  constructor(connection: Connection, root: string) {
    this.#connection = connection
    this.#root = root
  }

  /** The path that the store knows a node by; null for one that is not below our folder. */
  ownPath(path: string): string | null {
    if (this.#root === '') return path
    if (path === this.#root) return '/'
    return path.startsWith(`${this.#root}/`) ? path.slice(this.#root.length) : null
  }

  /** Makes our folder. */
  async makeRoot(deadline: number): Promise<void> {
    if (this.#root !== '') await this.#makeFolder('', deadline)
  }

  async get(path: string, deadline: number): Promise<Node | null> {
    return this.#read<Node>(path, deadline, (handle, full, done) =>
      handle.a_get(full, false, (code, _name, stat, data) => done(code, stat === null ? null : nodeOf(stat, data))),
    )
  }

  /** With `watch`, the next change of the node, or its coming into being, is told. */
  async stat(path: string, watch: boolean, deadline: number): Promise<Stat | null> {
    return this.#read<Stat>(path, deadline, (handle, full, done) =>
      handle.a_exists(full, watch, (code, _name, stat) => done(code, stat)),
    )
  }

  /** Names of the nodes directly below; none when the node itself is not there. With `watch`, the next coming or going is told. */
  async children(path: string, watch: boolean, deadline: number): Promise<readonly string[]> {
    const names = await this.#read<readonly string[]>(path, deadline, (handle, full, done) =>
      handle.a_get_children(full, watch, (code, _name, found) => done(code, found)),
    )
    return names ?? []
  }

  /** Makes the node, and the folders above it. */
  async create(path: string, text: string, deadline: number, kind: keyof typeof flags): Promise<WriteOutcome> {
    const data = dataOf(text)
    for (;;) {
      const full = this.#full(path)
      const { code } = await this.#connection.call<string>(deadline, (handle, done) =>
        handle.a_create(full, data, flags[kind], (result, _name, made) => done(result, made)),
      )
      if (code === codes.noNode) await this.#makeFolder(parentOf(path), deadline)
      else return outcomeOf(code, full)
    }
  }

  /** Writes if the node's data is still that of `version`; null makes it a folder. */
  async write(path: string, text: string | null, version: number, deadline: number): Promise<Written> {
    const data = text === null ? new Uint8Array() : dataOf(text)
    const full = this.#full(path)
    const { code, result } = await this.#connection.call<Stat>(deadline, (handle, done) =>
      handle.a_set(full, data, version, (answer, _name, stat) => done(answer, stat)),
    )
    return { outcome: outcomeOf(code, full), stat: result }
  }

  async remove(path: string, version: number, deadline: number): Promise<WriteOutcome> {
    const full = this.#full(path)
    const { code } = await this.#connection.call<null>(deadline, (handle, done) =>
      handle.a_delete_(full, version, result => done(result)),
    )
    return outcomeOf(code, full)
  }

  async #makeFolder(path: string, deadline: number): Promise<void> {
    for (;;) {
      const full = this.#full(path)
      const { code } = await this.#connection.call<string>(deadline, (handle, done) =>
        handle.a_create(full, new Uint8Array(), flags.persistent, (result, _name, made) => done(result, made)),
      )
      if (code === codes.ok || code === codes.nodeExists) return
      if (code === codes.gaveUp) throw new ZookeeperError('unavailable', `no answer while making ${full}`)
      if (code === codes.noNode) await this.#makeFolderAbove(path, deadline)
      else if (outcomeOf(code, full) === 'unknown') continue
    }
  }

  async #makeFolderAbove(path: string, deadline: number): Promise<void> {
    if (path !== '') return this.#makeFolder(parentOf(path), deadline)
    // The folder that is our root may be several deep.
    await new Nodes(this.#connection, parentOf(this.#root)).#makeFolder('', deadline)
  }

  async #read<Result>(
    path: string,
    deadline: number,
    send: (handle: NativeHandle, full: string, done: (code: number, result?: Result | null) => void) => number,
  ): Promise<Result | null> {
    const full = this.#full(path)
    for (;;) {
      const reply: Reply<Result> = await this.#connection.call<Result>(deadline, (handle, done) =>
        send(handle, full, done),
      )
      if (reply.code === codes.ok) return reply.result
      if (reply.code === codes.noNode) return null
      if (reply.code === codes.gaveUp) throw new ZookeeperError('unavailable', `no answer while reading ${full}`)
      outcomeOf(reply.code, full)
    }
  }

  #full(path: string): string {
    return path === '' || path === '/' ? this.#root || '/' : `${this.#root}${path}`
  }
}

function outcomeOf(code: number, path: string): WriteOutcome {
  if (code === codes.ok) return 'done'
  if (code === codes.badVersion || code === codes.nodeExists || code === codes.noNode) return 'lost-race'
  if (code === codes.notEmpty) return 'not-empty'
  if (code === codes.badArguments) throw new ZookeeperError('invalid', `${path} is no path`)
  if (code === codes.noAuth) {
    throw new ZookeeperError('refused', `the credentials do not allow this on ${path}: check its access list (getAcl)`)
  }
  return 'unknown'
}

function nodeOf(stat: Stat, data: Uint8Array | null): Node {
  if (data === null || data.length === 0) return { text: null, stat }
  if (data.length === 1 && data[0] === 0) return { text: '', stat }
  return { text: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8'), stat }
}

function dataOf(text: string): Uint8Array {
  if (text === '') return emptyText
  const data = Buffer.from(text, 'utf8')
  if (data.length > valueBytesMax) {
    throw new ZookeeperError('invalid', `a value of ${data.length} bytes is too large (at most ${valueBytesMax})`)
  }
  return data
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}
