// What the benchmark reads of processes and samples: CPU from /proc/<pid>/stat, memory from smaps_rollup, medians and percentiles.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).trim())

function statFields(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** The process and all its descendants. */
export function processTree(root: number): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid)) continue
    try {
      parents.set(pid, Number(statFields(pid)[1]))
    } catch {
      // the process ended between listing and reading
    }
  }
  const tree = [root]
  for (let index = 0; index < tree.length; index++) {
    for (const [pid, parent] of parents) if (parent === tree[index]) tree.push(pid)
  }
  return tree
}

/** User and system time of processes so far, in milliseconds (all threads). */
export function cpuMs(pids: readonly number[]): number {
  let ticks = 0
  for (const pid of pids) {
    const fields = statFields(pid)
    ticks += Number(fields[11]) + Number(fields[12])
  }
  return (ticks * 1000) / ticksPerSecond
}

/** Sum of the proportional set sizes of processes, in bytes. */
export function pssBytes(pids: readonly number[]): number {
  let kib = 0
  for (const pid of pids) {
    const line = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))
    kib += Number(line?.[1] ?? 0)
  }
  return kib * 1024
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const index = Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))
  return sorted[index] ?? Number.NaN
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

/** Samples the memory of a process tree every `everyMs` until stopped; answers the peak. */
export function watchMemory(root: number, everyMs: number): { stop(): { peakBytes: number; samples: number } } {
  let peakBytes = 0
  let samples = 0
  const pids = processTree(root)
  const timer = setInterval(() => {
    try {
      peakBytes = Math.max(peakBytes, pssBytes(pids))
      samples += 1
    } catch {
      // a process that has ended is seen by whoever waits for it
    }
  }, everyMs)
  return {
    stop() {
      clearInterval(timer)
      return { peakBytes, samples }
    },
  }
}
