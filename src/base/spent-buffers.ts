// Bodies come off sockets in buffers that nobody needs a moment later. The garbage collector hears of their bytes late: in a large upload it would look
// through the whole heap again and again, for twenty megabytes each time. So whoever knows that bytes are done with frees them at once; where nobody
// does, looking through the youngest objects after each few megabytes frees the same memory, for a tenth of the CPU.
import { collectYoungest } from './collector.ts'

const everyBytes = 16 * 1024 * 1024

const state = { spent: 0 }

/** So many bytes came in buffers of their own. */
export function spent(bytes: number): void {
  state.spent += bytes
  if (state.spent < everyBytes) return
  state.spent = 0
  collectYoungest()
}

/** Whether nothing else lies in the memory of these bytes. */
export function isAlone(bytes: Uint8Array): boolean {
  return bytes.byteLength > 0 && bytes.byteLength === bytes.buffer.byteLength
}

/** Frees the memory of bytes that nobody will look at again, if they are alone in it: they are empty afterwards. */
export function freeAtOnce(bytes: Uint8Array): void {
  const { buffer } = bytes
  if (!isAlone(bytes) || !(buffer instanceof ArrayBuffer)) return
  state.spent = Math.max(0, state.spent - buffer.byteLength)
  // What is transferred to a buffer of no bytes is gone.
  buffer.transfer(0)
}
