// The keys of Backbeat's conf/config.json and what an import does with each. Data only.

import { converted, elsewhere, notNeeded, notSupported, type Rule } from './catalogue.ts'
import { filled, healthSources } from './cloudserver-keys.ts'

const replication = 'extensions.replication'
const embedded = notNeeded(
  'the embedded engine needs no ZooKeeper, Kafka or Redis; with --postgres URL they become the `engine`',
)
const journal = notNeeded('the journal is part of the metadata store and wakes the populator at once')
const untilDone = notNeeded('transient and throttled failures are retried until they succeed, at the pace of `backoff`')
const direct = notNeeded('the S3 server is part of the same program')
const ownGroups = notNeeded('names of consumer groups are not shared with other programs')
const probes = notNeeded('/live, /ready and /metrics are on the control port')
const kept = notNeeded('every failure is kept with its reason until it is retried')
const noLifecycle = notSupported('lifecycle rules are not run: nothing expires or moves by itself')
const noGcp = notNeeded('there can be no site of type gcp')
const statusRetry = notNeeded('results are written in the same database, nothing has to be retried')

export const backbeatRules: readonly Rule[] = [
  ['zookeeper.**', embedded],
  ['kafka.**', embedded],
  ['s3.**', direct],
  ['vaultAdmin.**', notNeeded('accounts come from the accounts file')],
  ['transport', direct],
  ['replicationGroupId', elsewhere],
  ['queuePopulator.probeServer.**', probes],
  ['queuePopulator.**', journal],
  ['metrics.**', notNeeded('metrics are derived from the ledger, not sent through a topic')],
  ['redis.**', embedded],
  ['localCache.**', embedded],
  ['server.port', elsewhere],
  ['server.host', notNeeded('the original does not bind to it; the control port listens on this machine only')],
  ['server.healthChecks.allowFrom', healthSources],
  ['healthcheckServer.**', probes],
  ['log.logLevel', elsewhere],
  ['log.dumpLevel', notNeeded('log lines are written at once, not dumped later')],
  [
    'certFilePaths.**',
    filled(notSupported('servers are verified by the system and NODE_EXTRA_CA_CERTS; no client certificate is sent')),
  ],
  ['internalCertFilePaths.**', filled(direct)],
  [`${replication}.source.**`, direct],
  [`${replication}.destination.transport`, elsewhere],
  [`${replication}.destination.bootstrapList`, elsewhere],
  [`${replication}.destination.auth.**`, elsewhere],
  [`${replication}.topic`, converted],
  [`${replication}.replicationStatusTopic`, converted],
  [`${replication}.replicationFailedTopic`, kept],
  [`${replication}.dataMoverTopic`, notNeeded('nothing is moved by lifecycle rules')],
  [`${replication}.monitorReplicationFailures`, kept],
  [`${replication}.monitorReplicationFailureExpiryTimeS`, kept],
  [`${replication}.replayTopics`, notNeeded('failed work waits in the ledger, not in topics of its own')],
  [`${replication}.objectSizeMetrics`, notNeeded('there is no histogram of object sizes')],
  [`${replication}.queueProcessor.groupId`, ownGroups],
  [`${replication}.queueProcessor.concurrency`, converted],
  [`${replication}.queueProcessor.mpuPartsConcurrency`, converted],
  [`${replication}.queueProcessor.minMPUSizeMB`, converted],
  [`${replication}.queueProcessor.retryTimeoutS`, untilDone],
  [`${replication}.queueProcessor.retry.gcp.**`, noGcp],
  [`${replication}.queueProcessor.retry.*.maxRetries`, untilDone],
  [`${replication}.queueProcessor.retry.*.timeoutS`, untilDone],
  ...['aws_s3', 'azure', 'scality'].flatMap(kind =>
    ['min', 'max', 'jitter', 'factor'].map(
      (key): Rule => [`${replication}.queueProcessor.retry.${kind}.backoff.${key}`, converted],
    ),
  ),
  [`${replication}.queueProcessor.probeServer.**`, probes],
  [`${replication}.queueProcessor.logConsumerMetricsIntervalS`, probes],
  [`${replication}.queueProcessor.circuitBreaker.**`, notNeeded('a location that is down is set aside by itself')],
  [`${replication}.queueProcessor.sourceCheckIfSizeGreaterThanMB`, notNeeded('the ledger shows what is done already')],
  [`${replication}.replicationStatusProcessor.groupId`, ownGroups],
  [`${replication}.replicationStatusProcessor.concurrency`, notNeeded('results are written in batches')],
  [`${replication}.replicationStatusProcessor.retry.**`, statusRetry],
  [`${replication}.replicationStatusProcessor.retryTimeoutS`, statusRetry],
  [`${replication}.replicationStatusProcessor.probeServer.**`, probes],
  [`${replication}.replicationStatusProcessor.logConsumerMetricsIntervalS`, probes],
  ['extensions.gc.**', notNeeded('data that no version needs is removed by the store itself')],
  ['extensions.lifecycle.**', noLifecycle],
  ['extensions.ingestion.**', notSupported('buckets of other servers are not ingested')],
  ['extensions.notification.**', notSupported('no bucket notifications are sent')],
  ['extensions.mongoProcessor.**', notSupported('buckets of other servers are not ingested')],
]
