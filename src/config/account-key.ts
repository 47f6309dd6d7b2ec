// New keys for accounts: long enough that nobody guesses them, and of letters that go unquoted anywhere.
import type { Random } from '../base/world.ts'
import type { AccountKey } from '../s3/auth/account-directory.ts'

const accessBytes = 16
const secretBytes = 30

/** A key that nobody has seen. */
export function newAccountKey(random: Random): AccountKey {
  return accountKeyOf(random.bytes(accessBytes), random.bytes(secretBytes))
}

/** The key that these bytes (16 and 30 of them) stand for. */
export function accountKeyOf(access: Uint8Array, secret: Uint8Array): AccountKey {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  const name = Array.from(access, byte => alphabet.charAt(byte % 32)).join('')
  return { access: `CBAK${name}`, secret: Buffer.from(secret).toString('base64url') }
}
