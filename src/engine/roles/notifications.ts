// Event notifications: part of the role `populator`, which reads the journal already, in one process at a time. Each target has a reader of its own.
import { formatHostPort } from '../../config/address.ts'
import type { NotificationTargetConfig } from '../../config/types.ts'
import { createElection, type Election } from '../../control/election.ts'
import { leasePaths } from '../../control/paths.ts'
import { eventDocument } from '../../notifications/event-record.ts'
import type { EventTarget } from '../../notifications/event-target.ts'
import { createNotifier, type Notifier } from '../../notifications/notifier.ts'
import { createWebhookTarget } from '../../notifications/webhook-target.ts'
import { createEventProducer } from '../../queue/kafka/event-producer.ts'
import { pem, saslMechanisms } from '../distributed-ports.ts'
import type { Lifecycle } from '../lifecycle.ts'
import type { Parts } from '../parts.ts'
import { onJournalOf } from './populator-role.ts'

/** Null where no target is configured. */
export async function startNotifications(parts: Parts, lifecycle: Lifecycle): Promise<Election | null> {
  const { config, store, stateStore, world, owner } = parts
  const { targets, keepMs } = config.notifications
  if (targets.length === 0) return null
  const journal = {
    journal: store.journal.bind(store),
    bucket: store.bucket.bind(store),
    onJournal: onJournalOf(parts),
  }
  const election = createElection({
    stateStore,
    path: leasePaths.notifications,
    owner,
    world,
    what: 'the event notifications',
    begin: async (_lease, resign) => {
      const begun: { notifier: Notifier; target: EventTarget }[] = []
      const close = async (): Promise<void> => {
        // A target that is closed gives up what it has under way, which the notifier waits for.
        await Promise.all(begun.flatMap(({ notifier, target }) => [notifier.close(), target.close()]))
      }
      try {
        for (const targetConfig of targets) {
          const { name } = targetConfig
          const target = openTarget(targetConfig, parts)
          const notifier = createNotifier({ name, target, store: journal, stateStore, world, keepMs, deposed: resign })
          begun.push({ notifier, target })
          await notifier.start()
        }
      } catch (error) {
        await close()
        throw error
      }
      return { close }
    },
  })
  await election.start()
  lifecycle.add(() => election.close())
  return election
}

function openTarget(config: NotificationTargetConfig, { http, world }: Parts): EventTarget {
  if (config.kind === 'webhook') return createWebhookTarget(config, http, world)
  const { brokers, clientId, sasl, tls, topic } = config
  const producer = createEventProducer({
    brokers: brokers.map(formatHostPort),
    clientId,
    topic,
    world,
    ...(sasl === undefined ? undefined : { sasl: { ...sasl, mechanism: saslMechanisms[sasl.mechanism] } }),
    ...(tls === undefined ? undefined : { tls: pem(tls) }),
  })
  return {
    deliver: messages =>
      producer.append(messages.map(message => ({ key: message.topicKey, value: eventDocument([message]) }))),
    close: () => producer.close(),
  }
}
