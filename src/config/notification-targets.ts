// Reads `notifications`: the targets that buckets may send their events to, by the name that stands at the end of a destination's ARN.

import type { Static } from 'typebox'
import { Secret } from '../base/secret.ts'
import { type EngineSource, readAddresses, readTls } from './engine.ts'
import { type kafkaTargetSchema, targetSchema, type webhookSchema } from './notification-schema.ts'
import type { Path, Report } from './problem.ts'
import { asMapping, hasShape, ownValue } from './shape.ts'
import type { KafkaTargetConfig, NotificationsConfig, NotificationTargetConfig, WebhookConfig } from './types.ts'

const targetName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,255}$/

const keepHoursDefault = 24

/** The good targets; what is wrong with the others is in the report. */
export function readNotifications(value: unknown, source: EngineSource, report: Report): NotificationsConfig {
  const keepHours = ownValue(value, 'keepHours')
  const path = ['notifications', 'targets']
  const given = ownValue(value, 'targets')
  const entries = given === undefined ? {} : asMapping(given)
  if (entries === undefined) report.add(path, report.found(path, given), 'a mapping of names to targets')
  const targets: NotificationTargetConfig[] = []
  for (const [name, entry] of Object.entries(entries ?? {})) {
    const target = readTarget(name, entry, [...path, name], source, report)
    if (target !== undefined) targets.push(target)
  }
  return { targets, keepMs: (typeof keepHours === 'number' ? keepHours : keepHoursDefault) * 3_600_000 }
}

function readTarget(
  name: string,
  entry: unknown,
  path: Path,
  source: EngineSource,
  report: Report,
): NotificationTargetConfig | undefined {
  if (!targetName.test(name)) {
    report.add(path, 'a name with other characters', 'letters, digits, dots, hyphens and underscores, at most 256')
    return undefined
  }
  if (!hasShape(targetSchema, entry, path, report)) return undefined
  const { webhook, kafka } = entry
  if (webhook !== undefined && kafka === undefined) return readWebhook(name, webhook, [...path, 'webhook'], report)
  if (kafka !== undefined && webhook === undefined) return readKafka(name, kafka, [...path, 'kafka'], source, report)
  report.add(path, webhook === undefined ? 'neither webhook nor kafka' : 'both webhook and kafka', 'one of the two')
  return undefined
}

function readWebhook(
  name: string,
  raw: Static<typeof webhookSchema>,
  path: Path,
  report: Report,
): WebhookConfig | undefined {
  const url = URL.canParse(raw.url) ? new URL(raw.url) : undefined
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:'
  if (url === undefined || !isHttp || url.username !== '' || url.hash !== '') {
    const at = [...path, 'url']
    const expected = 'an http or https URL without user, password and fragment (`authorization` is a key of its own)'
    report.add(at, report.found(at, raw.url, true), expected)
    return undefined
  }
  return {
    kind: 'webhook',
    name,
    url: new Secret(url.href),
    authorization: raw.authorization === undefined ? undefined : new Secret(raw.authorization),
    timeoutMs: (raw.timeoutSeconds ?? 10) * 1000,
  }
}

function readKafka(
  name: string,
  raw: Static<typeof kafkaTargetSchema>,
  path: Path,
  source: EngineSource,
  report: Report,
): KafkaTargetConfig | undefined {
  const brokers = readAddresses(raw.brokers, [...path, 'brokers'], 9092, report)
  const tls = readTls(raw.tls, [...path, 'tls'], source, report)
  if (brokers === undefined) return undefined
  const { sasl, topic, clientId = 'crossbeat' } = raw
  return {
    kind: 'kafka',
    name,
    brokers,
    topic,
    clientId,
    sasl: sasl && {
      mechanism: sasl.mechanism ?? 'plain',
      username: sasl.username,
      password: new Secret(sasl.password),
    },
    tls,
  }
}
