// New keys for accounts: long enough that nobody guesses them, and of letters that go unquoted anywhere.
import type { Random } from '../base/world.ts'
import type { AccountKey } from './account-directory.ts'

const accessBytes = 16
const secretBytes = 30

/** A key that nobody has seen. */
export function newAccountKey(random: Random): AccountKey {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  const name = Array.from(random.bytes(accessBytes), byte => alphabet.charAt(byte % 32)).join('')
  return { access: `CBAK${name}`, secret: Buffer.from(random.bytes(secretBytes)).toString('base64url') }
}
