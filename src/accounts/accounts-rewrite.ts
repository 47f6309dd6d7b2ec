// Rewrites an accounts file in one step: whoever reads it meanwhile, a running server too, sees the former file or the new one, and after a power
// loss one of them is there. Mode and owner stay. Two rewrites at once cannot undo each other.
import { type FileHandle, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { realFiles, systemErrorCode } from '../base/files.ts'
import { type AccountsEdit, AccountsEditError } from './accounts-edit.ts'

/** Reads the JSON of an accounts file. Throws AccountsEditError without any of its text. */
export async function readAccountsJson(file: string): Promise<unknown> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    throw new AccountsEditError(`cannot read ${file} (${systemErrorCode(error)})`)
  }
  try {
    return JSON.parse(text)
  } catch {
    // The parser's message quotes the file, which is full of secrets.
    throw new AccountsEditError(`${file} is not JSON`)
  }
}

/** Gives the JSON that the file holds now. Throws AccountsEditError; the file is then as it was. */
export async function rewriteAccounts(file: string, edit: AccountsEdit): Promise<unknown> {
  // A link goes on pointing where it does.
  const target = await realpath(file).catch(() => file)
  const temporary = `${target}.new`
  const handle = await createNew(temporary)
  let json: unknown
  try {
    try {
      json = edit(await readAccountsJson(target))
      await takeMode(handle, target)
      await handle.writeFile(`${JSON.stringify(json, null, 2)}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, target)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await realFiles.flushFolder(dirname(target))
  return json
}

/** Makes an accounts file that only its owner can read. Throws AccountsEditError if there is a file. */
export async function createAccounts(file: string, edit: AccountsEdit): Promise<void> {
  const handle = await createNew(file)
  try {
    await handle.writeFile(`${JSON.stringify(edit(undefined), null, 2)}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await realFiles.flushFolder(dirname(file))
}

async function createNew(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'wx', 0o600)
  } catch (error) {
    const code = systemErrorCode(error)
    if (code !== 'EEXIST') throw new AccountsEditError(`cannot write ${file} (${code})`)
    const why = file.endsWith('.new') ? ': another command changes the accounts, or was cut off; then remove it' : ''
    throw new AccountsEditError(`there is a file ${file} already${why}`)
  }
}

async function takeMode(handle: FileHandle, from: string): Promise<void> {
  const { mode, uid, gid } = await stat(from)
  await handle.chmod(mode & 0o777)
  const own = await handle.stat()
  if (own.uid === uid && own.gid === gid) return
  try {
    await handle.chown(uid, gid)
  } catch (error) {
    throw new AccountsEditError(`cannot give ${from} its owner again (${systemErrorCode(error)}): run as that user`)
  }
}
