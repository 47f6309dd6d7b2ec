// Role `populator`: reads the journal, one process at a time. Who has the lease reads; the others stand by.
import { createElection, type Election } from '../../control/election.ts'
import { journalChannel, leasePaths } from '../../control/paths.ts'
import { createPopulator } from '../../queue/populator.ts'
import type { Lifecycle } from '../lifecycle.ts'
import type { Parts } from '../parts.ts'
import { notifiedPositions } from './notified-positions.ts'

/** A batch is a message for each partition, and an answer, a claim and a report for each queue processor: many small ones would be dear. */
const gatherMs = 25

/** The store tells of commits of this process at once and of others when it looks; a signal tells of those at once, too. */
export function onJournalOf({ store, signals, isShared }: Parts): (listener: () => void) => () => void {
  return listener => {
    const endings = [store.onJournal(listener)]
    if (isShared) endings.push(signals.subscribe(journalChannel, listener))
    return () => {
      for (const end of endings) end()
    }
  }
}

export async function startPopulatorRole(parts: Parts, lifecycle: Lifecycle): Promise<Election> {
  const { config, store, log, stateStore, world, owner, isShared } = parts
  const journal = {
    journal: store.journal.bind(store),
    trimJournal: store.trimJournal.bind(store),
    onJournal: onJournalOf(parts),
  }
  const topic = config.replication.topics.replication
  const election = createElection({
    stateStore,
    path: leasePaths.populator,
    owner,
    world,
    what: 'the populator',
    begin: async (_lease, resign) => {
      // Without sites there is nobody who would wait for an entry.
      const gathering = isShared || config.sites.length === 0 ? { gatherMs } : {}
      const populator = createPopulator({
        store: journal,
        log,
        stateStore,
        world,
        topic,
        deposed: resign,
        // This process may be the only one that cannot reach the log or the database.
        ...(isShared ? { stuck: resign } : {}),
        otherReaders: () => notifiedPositions(parts),
        ...gathering,
      })
      await populator.start()
      return populator
    },
  })
  await election.start()
  lifecycle.add(() => election.close())
  return election
}
