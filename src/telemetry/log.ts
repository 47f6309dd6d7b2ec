// The log: one JSON object per line on standard error, written by listening to the program's channels. No code of ours calls a logger; what
// is to be seen at which level is decided here, in one place. Secrets are kept out by name and by pattern.
import { type Logger, pino } from 'pino'
import {
  attemptsEnded,
  attemptsStarted,
  circuitEvents,
  controlEvents,
  defects,
  lifecycleNotices,
  notificationNotices,
  pipelineNotices,
  s3Requests,
  unreadableRecords,
} from '../base/channels.ts'
import type { LogLevel } from '../config/types.ts'
import { encodeVersionId } from '../domain/version-id.ts'
import { describeError, maskSecrets } from './mask.ts'

/** Where lines go: whole lines, with their newline. */
export interface LogDestination {
  write(line: string): void
}

const secretNames = [
  'secretKey',
  'secret',
  'token',
  'authorization',
  'sessionToken',
  'password',
  'accountKey',
  'sasToken',
]

/** Begins to log; the answer ends it. */
export function startLog(level: LogLevel, destination?: LogDestination): () => void {
  if (level === 'silent') return () => undefined
  const log = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
      redact: { paths: secretNames.flatMap(name => [name, `*.${name}`, `*.*.${name}`]), censor: '[secret]' },
    },
    masked(destination ?? fileDestination(2)),
  )
  const endings = [...serverSubscriptions(log), ...replicationSubscriptions(log)]
  return () => {
    for (const end of endings) end()
  }
}

/** An open file. Lines that cannot be written are lost: a full disk under the log must not stop the program. */
export function fileDestination(descriptor: number): LogDestination {
  const file = pino.destination({ fd: descriptor, sync: true })
  file.on('error', () => undefined)
  return file
}

function masked(destination: LogDestination): LogDestination {
  return {
    write: line => {
      destination.write(maskSecrets(line))
    },
  }
}

function serverSubscriptions(log: Logger): readonly (() => void)[] {
  return [
    defects.subscribe(({ where, requestId, error }) => {
      log.error({ where, requestId, error: describeError(error) }, 'defect')
    }),
    s3Requests.subscribe(request => {
      log[request.status >= 500 ? 'warn' : 'debug'](request, 'S3 request')
    }),
    lifecycleNotices.subscribe(notice => {
      const { bucket } = notice
      if (notice.kind === 'failed')
        return log.warn({ bucket, error: describeError(notice.error) }, 'lifecycle: will be tried again')
      const isIdle = Object.values(notice.tally).every(count => count === 0)
      log[isIdle ? 'debug' : 'info']({ bucket, ...notice.tally }, 'lifecycle')
    }),
    notificationNotices.subscribe(notice => {
      const { target } = notice
      if (notice.kind === 'failed')
        return log.warn({ target, error: describeError(notice.error) }, 'notifications: will be tried again')
      const { kind, count } = notice
      log[kind === 'delivered' ? 'debug' : 'warn']({ target, count }, `notifications ${kind}`)
    }),
    controlEvents.subscribe(event => {
      switch (event.kind) {
        case 'changed':
          return log.info({ site: event.site, command: event.command, ...event.state }, 'site control changed')
        case 'applied':
          return log.debug({ site: event.site, ...event.report }, 'site control applied')
        case 'failed':
          return log.warn({ what: event.what, error: describeError(event.error) }, 'control: will be tried again')
      }
    }),
  ]
}

function replicationSubscriptions(log: Logger): readonly (() => void)[] {
  const endings = [
    attemptsEnded.subscribe(attempt => {
      const level = { done: 'debug', released: 'debug', skipped: 'info', retry: 'info', quarantined: 'warn' } as const
      const name = attempt.warning === undefined ? level[attempt.outcome] : 'warn'
      if (!log.isLevelEnabled(name)) return
      log[name]({ ...attempt, versionId: encodeVersionId(attempt.versionId) }, 'attempt ended')
    }),
    circuitEvents.subscribe(event => {
      log[event.state === 'open' ? 'warn' : 'info'](event, 'circuit')
    }),
    unreadableRecords.subscribe(record => {
      log.warn(record, 'topic record cannot be read')
    }),
    pipelineNotices.subscribe(notice => {
      if (notice.kind === 'failed') {
        const { what, site, error } = notice
        log.warn({ what, site, error: describeError(error) }, 'replication: will be tried again')
      } else if (notice.kind === 'sums-corrected' || notice.kind === 'warning' || notice.kind === 'gap')
        log.warn(notice, 'pipeline')
      else if (notice.kind === 'swept') log[notice.republished > 0 ? 'info' : 'debug'](notice, 'pipeline')
      else log.debug(notice, 'pipeline')
    }),
  ]
  if (!log.isLevelEnabled('trace')) return endings
  return [...endings, attemptsStarted.subscribe(attempt => log.trace(attempt, 'attempt started'))]
}
