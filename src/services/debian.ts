// Installs a package of Debian or its relatives, as root only.
import { runCommand } from './command.ts'

let updated: Promise<unknown> | undefined

/** Rejects with the reason; also when we are not root, without trying. */
export async function aptInstall(debianPackage: string): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error(`not root, so "apt-get install ${debianPackage}" was not tried`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  // Once for all packages: two at the same time would fail over the lock of the lists.
  updated ??= runCommand('apt-get', ['update', '-q'], { env })
  await updated
  // Another apt-get may hold the lock of the package database: wait for it instead of failing.
  const wait = ['-o', 'DPkg::Lock::Timeout=120']
  await runCommand('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...wait, debianPackage], { env })
}
