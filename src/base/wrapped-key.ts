// Keys encrypted under other keys, and checks of keys that are not kept: each under a salt of its own, so that equal keys do not look equal.
import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto'
import type { Random } from './world.ts'

const saltBytes = 16
const keyBytes = 32
const tagBytes = 16
const options = { authTagLength: tagBytes }
/** The wrapping key is made for one salt and used once. */
const nonce = Buffer.alloc(12)

/** Encrypts a key of 32 bytes under another: base64 of salt, key and tag. */
export function wrapKey(under: Uint8Array, key: Uint8Array, random: Random): string {
  const salt = random.bytes(saltBytes)
  const cipher = createCipheriv('aes-256-gcm', derived(under, 'wrap', salt), nonce, options)
  const wrapped = cipher.update(key)
  cipher.final()
  return Buffer.concat([salt, wrapped, cipher.getAuthTag()]).toString('base64')
}

/** Null: it was wrapped under another key, or is damaged. */
export function unwrapKey(under: Uint8Array, wrapped: string): Buffer | null {
  const bytes = Buffer.from(wrapped, 'base64')
  if (bytes.length !== saltBytes + keyBytes + tagBytes) return null
  const wrapping = derived(under, 'wrap', bytes.subarray(0, saltBytes))
  const decipher = createDecipheriv('aes-256-gcm', wrapping, nonce, options)
  decipher.setAuthTag(bytes.subarray(saltBytes + keyBytes))
  const key = decipher.update(bytes.subarray(saltBytes, saltBytes + keyBytes))
  try {
    decipher.final()
    return key
  } catch {
    return null
  }
}

/** What tells later whether a key is this one, and nothing else about it: base64 of salt and digest. */
export function keyCheck(key: Uint8Array, random: Random): string {
  const salt = random.bytes(saltBytes)
  return Buffer.concat([salt, derived(key, 'check', salt)]).toString('base64')
}

export function isKeyOfCheck(key: Uint8Array, check: string): boolean {
  const bytes = Buffer.from(check, 'base64')
  const digest = bytes.subarray(saltBytes)
  return digest.length === keyBytes && timingSafeEqual(derived(key, 'check', bytes.subarray(0, saltBytes)), digest)
}

function derived(key: Uint8Array, use: 'wrap' | 'check', salt: Uint8Array): Buffer {
  return createHmac('sha256', key).update(`crossbeat ${use}\0`).update(salt).digest()
}
