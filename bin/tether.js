// Loaded into the child by launcher.js: ends this process when the launcher is gone (see there). Does nothing in
// worker threads, which inherit the import, and nothing when started without a launcher.
import { Socket } from 'node:net'
import process from 'node:process'
import { isMainThread } from 'node:worker_threads'

const descriptor = process.env.CROSSBEAT_TETHER
if (isMainThread && descriptor !== undefined) {
  // Processes started from here have no such stream of their own.
  delete process.env.CROSSBEAT_TETHER
  const socket = new Socket({ fd: Number(descriptor), readable: true, writable: false })
  socket.on('error', () => {})
  socket.on('close', () => process.kill(process.pid, 'SIGKILL'))
  socket.resume()
  socket.unref()
}
