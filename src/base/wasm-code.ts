// The little of WebAssembly's binary form that a hand-written function needs: instructions as lists of bytes, and a module of one memory and one
// function that takes an i32 (WebAssembly Core Specification 2.0, chapter 5).

/** Instructions, as they are encoded. */
export type Code = readonly number[]

const unsigned = (value: number): Code => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)])

function signed(value: number): Code {
  const rest = value >> 7
  const isLast = (rest === 0 && (value & 0x40) === 0) || (rest === -1 && (value & 0x40) !== 0)
  return isLast ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(rest)]
}

export const get = (local: number): Code => [0x20, ...unsigned(local)]
export const set = (local: number): Code => [0x21, ...unsigned(local)]
export const i32 = (value: number): Code => [0x41, ...signed(value)]
export const i64 = (value: number): Code => [0x42, ...signed(value)]
/** Of eight bytes at the address on the stack and `offset` further; their alignment is not presumed. */
export const load64 = (offset: number): Code => [0x29, 0, ...unsigned(offset)]
export const store64 = (offset: number): Code => [0x37, 0, ...unsigned(offset)]
/** One byte, as an i64. */
export const loadByte = (offset: number): Code => [0x31, 0, ...unsigned(offset)]
export const add32: Code = [0x6a]
export const and32: Code = [0x71]
export const shiftLeft32: Code = [0x74]
export const shiftRight32: Code = [0x76]
/** Whether one is less than the other; the other way round. */
export const isLess32: Code = [0x49]
export const isNotLess32: Code = [0x4f]
export const isZero32: Code = [0x45]
export const xor64: Code = [0x85]
export const shiftRight64: Code = [0x88]
/** The low half of an i64. */
export const wrap: Code = [0xa7]

/** Repeats `body` until `condition`, which is asked before it, is not zero. */
export function until(condition: Code, body: Code): Code {
  const again = [0x0c, 0]
  const leave = [0x0d, 1]
  return [0x02, 0x40, 0x03, 0x40, ...condition, ...leave, ...body, ...again, 0x0b, 0x0b]
}

const vector = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()]
const section = (id: number, body: Code): Code => [id, ...unsigned(body.length), ...body]
const named = (name: string, kind: number): Code => [...unsigned(name.length), ...Buffer.from(name), kind, 0]

export interface OneFunction {
  /** Of 64 KiB. */
  readonly pages: number
  /** Local 0 is the argument; these many i32 follow, then the i64. */
  readonly locals32: number
  readonly locals64: number
  readonly code: Code
}

/** A module that exports `memory` and `run`. */
export function moduleOf({ pages, locals32, locals64, code }: OneFunction): Uint8Array<ArrayBuffer> {
  const locals = vector([
    [...unsigned(locals32), 0x7f],
    [...unsigned(locals64), 0x7e],
  ])
  const body = [...locals, ...code, 0x0b]
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector([[0x60, 1, 0x7f, 0]])),
    ...section(3, vector([[0]])),
    ...section(5, vector([[0, ...unsigned(pages)]])),
    ...section(7, vector([named('memory', 2), named('run', 0)])),
    ...section(10, vector([[...unsigned(body.length), ...body]])),
  ])
}
