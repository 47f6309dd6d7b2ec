// The folder with all of a server's data: made if missing (mode 0700), and owned by exactly one process. The owner is written in the file
// `lock`: process id, its start time and the boot it runs in, so that a lock left by a dead process is told from a living one's even when the
// process id is in use again.
import { closeSync, linkSync, mkdirSync, openSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The folder belongs to another living process; the message says which. */
export class DataDirBusyError extends Error {
  override readonly name = 'DataDirBusyError'
  readonly pid: number

  constructor(path: string, pid: number) {
    super(`${path} is in use by another Crossbeat process (pid ${pid}): stop that one first, or choose another dataDir`)
    this.pid = pid
  }
}

export interface DataDir {
  readonly path: string
  /** The database file of the embedded engine. */
  readonly databasePath: string
  readonly bootId: string
  /** Gives the folder up. Calling it twice does nothing. */
  release(): void
}

interface Owner {
  readonly pid: number
  readonly bootId: string
  readonly startedAt: string
}

/** Identity of this boot of the machine; where the system has none (not Linux), every process start counts as a boot of its own. */
export function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return ''
  }
}

/** When a process started, in the kernel's ticks since boot; '' when there is no such process or the system does not tell. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The program's name stands in parentheses and may hold anything; the fields after it are numbered from 3.
    return (
      stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .at(19) ?? ''
    )
  } catch {
    return ''
  }
}

function isAlive(owner: Owner): boolean {
  if (owner.bootId !== readBootId()) return false
  try {
    process.kill(owner.pid, 0)
  } catch (error) {
    // EPERM: it lives and is somebody else's.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false
  }
  const start = startOf(owner.pid)
  return start === '' || owner.startedAt === '' || start === owner.startedAt
}

function readOwner(lockPath: string): Owner | null {
  let text: string
  try {
    text = readFileSync(lockPath, 'utf8')
  } catch {
    return null
  }
  const [pid, bootId, startedAt] = text.split('\n')
  const number = Number(pid)
  if (!Number.isSafeInteger(number) || number <= 0 || bootId === undefined || startedAt === undefined) return null
  return { pid: number, bootId, startedAt }
}

/** Who owns the folder now; null when nobody living does. For commands that look at the data of a stopped server. */
export function ownerOf(path: string): { readonly pid: number } | null {
  const owner = readOwner(join(path, 'lock'))
  return owner !== null && isAlive(owner) ? { pid: owner.pid } : null
}

/** Makes the folder and takes it. Throws DataDirBusyError when a living process has it, or the file system's error. */
export function openDataDir(path: string): DataDir {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const lockPath = join(path, 'lock')
  const bootId = readBootId()
  const own = `${process.pid}\n${bootId}\n${startOf(process.pid)}\n`
  // Written beside and linked into place: the lock is never seen half written, and only one of two starters gets it.
  const draftPath = `${lockPath}.${process.pid}`
  closeSync(openSync(draftPath, 'w', 0o600))
  writeFileSync(draftPath, own)
  try {
    take(path, lockPath, draftPath)
  } finally {
    unlinkSync(draftPath)
  }
  let held = true
  return {
    path,
    databasePath: join(path, 'crossbeat.db'),
    bootId,
    release() {
      if (!held) return
      held = false
      if (readOwner(lockPath)?.pid === process.pid) unlinkSync(lockPath)
    },
  }
}

/** Takes a dead owner's lock away. Throws DataDirBusyError if it turns out to be another starter's, who was faster; that one is put back. */
function moveAside(path: string, lockPath: string, asidePath: string): void {
  try {
    renameSync(lockPath, asidePath)
  } catch {
    // Another starter has taken it away: look again.
    return
  }
  const owner = readOwner(asidePath)
  const isTaken = owner !== null && isAlive(owner)
  try {
    if (isTaken) linkSync(asidePath, lockPath)
  } catch {
    // A third one has it by now.
  }
  unlinkSync(asidePath)
  if (isTaken) throw new DataDirBusyError(path, owner.pid)
}

const takeAttempts = 5

function take(path: string, lockPath: string, draftPath: string): void {
  for (let attempt = 0; attempt < takeAttempts; attempt += 1) {
    try {
      linkSync(draftPath, lockPath)
      return
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
    const owner = readOwner(lockPath)
    if (owner !== null && isAlive(owner)) throw new DataDirBusyError(path, owner.pid)
    moveAside(path, lockPath, `${draftPath}.old`)
  }
  throw new Error(`${lockPath} keeps coming back: is something else writing it?`)
}
