// What the fuzzer has done, as lines for people.
import type { FuzzReport } from './fuzzer.ts'

export function reportText({ inputs, statuses, operations, objectsRead, heapGrowthMiB }: FuzzReport): string {
  const counts = [...statuses].sort(([one], [other]) => one - other)
  return [
    `${inputs} inputs of ${operations.size} operations, heap ${heapGrowthMiB.toFixed(1)} MiB larger, ${objectsRead} objects whole`,
    `answers: ${counts.map(([status, count]) => `${status === 0 ? 'none' : status} ${count}`).join(', ')}`,
  ].join('\n')
}
