// The writer's side of the state store. A deleted value leaves its version behind: a value made again goes on counting, so that nobody takes
// it for the one he knew.

import type { SetResult, StateValue } from '../../control/state-store.ts'
import type { Request } from './commands.ts'
import type { WriteContext } from './write-context.ts'

/** `value` null deletes. */
export function setState(context: WriteContext, request: Request<'set-state'>): SetResult {
  const stored = context.connection.get<{ value: string | null; version: number }>(
    'SELECT value, version FROM state WHERE path = ?',
    request.path,
  )
  const current: StateValue | null =
    stored === undefined || stored.value === null ? null : { value: stored.value, version: stored.version }
  if ((current?.version ?? 0) !== request.expectedVersion) return { ok: false, current }
  if (request.value === null && current === null) return { ok: true, version: 0 }
  const version = (stored?.version ?? 0) + 1
  context.connection.run(
    'INSERT INTO state (path, value, version) VALUES (?, ?, ?) ON CONFLICT (path) DO UPDATE SET value = excluded.value, version = excluded.version',
    request.path,
    request.value,
    version,
  )
  return { ok: true, version }
}

export function nextLeaseEpoch(context: WriteContext, request: Request<'next-lease-epoch'>): number {
  const row = context.connection.get<{ epoch: number }>(
    'INSERT INTO lease_epochs (path, epoch) VALUES (?, 1) ON CONFLICT (path) DO UPDATE SET epoch = epoch + 1 RETURNING epoch',
    request.path,
  )
  return row?.epoch ?? 0
}
