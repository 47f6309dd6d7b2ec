// Joins the CRCs of consecutive parts into the CRC of the whole, without the bytes. Appending n zero bytes to a message is a linear map
// over GF(2), so CRC(A then B) = zeros(CRC(A), length of B) xor CRC(B). The maps for 1, 2, 4, 8... zero bytes are kept per polynomial, so
// that a combination costs one product of matrix and vector per bit of the length.

import { type CrcAlgorithm, digestBytes } from './hash.ts'

/** Reflected polynomials. */
const polynomials: Readonly<Record<CrcAlgorithm, bigint>> = {
  CRC32: 0xedb88320n,
  CRC32C: 0x82f63b78n,
  CRC64NVME: 0x9a6c9329ac4bc9b5n,
}

/** Column n is what the map makes of bit n. */
type Matrix = readonly bigint[]

/** Entry k appends 2^k zero bytes. */
const zeroMaps = new Map<CrcAlgorithm, Matrix[]>()

/** Joins two CRCs in S3's form (base64 of the big-endian value); `lengthB` is the byte count behind `crcB`. */
export function combineCrc(algorithm: CrcAlgorithm, crcA: string, crcB: string, lengthB: number): string {
  const combined = combineCrcValues(algorithm, parseCrc(crcA), parseCrc(crcB), lengthB)
  const hex = combined.toString(16).padStart(digestBytes[algorithm] * 2, '0')
  return Buffer.from(hex, 'hex').toString('base64')
}

/** Joins two CRC32 values (unsigned numbers). */
export function crc32Combine(crcA: number, crcB: number, lengthB: number): number {
  return Number(combineCrcValues('CRC32', BigInt(crcA >>> 0), BigInt(crcB >>> 0), lengthB))
}

/** Joins two CRC values. Throws RangeError for a length that is no whole number of bytes. */
export function combineCrcValues(algorithm: CrcAlgorithm, crcA: bigint, crcB: bigint, lengthB: number): bigint {
  if (!Number.isSafeInteger(lengthB) || lengthB < 0) throw new RangeError(`not a length in bytes: ${lengthB}`)
  let value = crcA
  let rest = BigInt(lengthB)
  for (let power = 0; rest > 0n; power++, rest >>= 1n) {
    if (rest & 1n) value = apply(zeroMap(algorithm, power), value)
  }
  return value ^ crcB
}

function zeroMap(algorithm: CrcAlgorithm, power: number): Matrix {
  let maps = zeroMaps.get(algorithm)
  if (maps === undefined) {
    maps = [oneZeroByte(algorithm)]
    zeroMaps.set(algorithm, maps)
  }
  let map = maps[power]
  while (map === undefined) {
    const last = maps[maps.length - 1] ?? []
    maps.push(last.map(column => apply(last, column)))
    map = maps[power]
  }
  return map
}

function oneZeroByte(algorithm: CrcAlgorithm): Matrix {
  const polynomial = polynomials[algorithm]
  const columns: bigint[] = []
  for (let bit = 0; bit < digestBytes[algorithm] * 8; bit++) {
    let value = 1n << BigInt(bit)
    for (let step = 0; step < 8; step++) value = value & 1n ? (value >> 1n) ^ polynomial : value >> 1n
    columns.push(value)
  }
  return columns
}

function apply(map: Matrix, vector: bigint): bigint {
  let sum = 0n
  let rest = vector
  for (let bit = 0; rest > 0n; bit++, rest >>= 1n) if (rest & 1n) sum ^= map[bit] ?? 0n
  return sum
}

function parseCrc(base64: string): bigint {
  const hex = Buffer.from(base64, 'base64').toString('hex')
  return BigInt(`0x${hex === '' ? '0' : hex}`)
}
