// How far event notifications have come in the journal, for whoever trims it.
import { type JournalPosition, journalStart } from '../../domain/entry.ts'
import { positionPath } from '../../notifications/notifier.ts'
import type { Parts } from '../parts.ts'

/** How far each target has come: the journal is kept for the slowest. */
export async function notifiedPositions({
  config,
  stateStore,
}: Pick<Parts, 'config' | 'stateStore'>): Promise<readonly JournalPosition[]> {
  const stored = await Promise.all(config.notifications.targets.map(({ name }) => stateStore.get(positionPath(name))))
  return stored.map(position => position?.value ?? journalStart)
}
