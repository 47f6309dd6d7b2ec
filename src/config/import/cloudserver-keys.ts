// The keys of CloudServer's config.json and what an import does with each. Data only.

import { elsewhere, type Judgement, notNeeded, notSupported, type Rule } from './catalogue.ts'

const ownMetadata = notNeeded('metadata is kept in dataDir; what is stored there is not taken over')
const ownData = notNeeded('data is kept in dataDir; what is stored there is not taken over')
const ownPools = notNeeded('connections to clouds are pooled by the concurrency of replication')
const noCache = notNeeded('the embedded engine needs no cache server')
const clientAddress = notSupported('behind a proxy, the client address is the one of the proxy')
const noTls = notSupported('the S3 port speaks plain HTTP: put a TLS proxy in front of it')

export const cloudserverRules: readonly Rule[] = [
  ['port', elsewhere],
  ['listenOn', elsewhere],
  ['metricsPort', notNeeded('/live, /ready and /metrics are on the control port')],
  ['metricsListenOn', notNeeded('/live, /ready and /metrics are on the control port')],
  ['replicationGroupId', elsewhere],
  ['restEndpoints', notNeeded('there are none')],
  ['restEndpoints.*', restEndpoint],
  ['websiteEndpoints', filled(notSupported('buckets are not served as web sites'))],
  ['replicationEndpoints', elsewhere],
  ['backbeat.**', notNeeded('the control API is part of the same program')],
  ['bucketd.**', ownMetadata],
  ['vaultd.**', notNeeded('accounts come from the accounts file; those in Vault are not known')],
  ['mongodb.**', ownMetadata],
  ['metadataClient.**', ownMetadata],
  ['metadataDaemon.**', ownMetadata],
  ['dataClient.**', ownData],
  ['dataDaemon.**', ownData],
  ['dataPath', ownData],
  ['metadataPath', ownMetadata],
  ['filePath', ownData],
  ['cdmi.**', ownData],
  ['recordLog.**', notNeeded('every change is journaled with it, always')],
  ['externalBackends.**', ownPools],
  ['healthChecks.allowFrom', healthSources],
  ['healthChecks.**', notNeeded('/live and /ready are on the control port')],
  ['localCache.**', noCache],
  ['redis.**', noCache],
  ['requests.viaProxy', value => (value === true ? clientAddress : notNeeded('no proxy is meant'))],
  ['requests.**', notNeeded('it matters behind a proxy only (viaProxy)')],
  ['outboundProxy.url', filled(notSupported('clouds are reached directly, not through a proxy'))],
  ['outboundProxy.**', filled(notSupported('clouds are reached directly, not through a proxy'))],
  ['overlayVersion', notNeeded('there is no remote management')],
  ['testingMode', notNeeded('it is for the tests of the original')],
  ['clusters', notNeeded('one process serves all requests')],
  ['log.logLevel', elsewhere],
  ['log.dumpLevel', notNeeded('log lines are written at once, not dumped later')],
  ['certFilePaths.**', filled(noTls)],
  ['https.**', filled(noTls)],
  ['kms.**', notSupported('objects are not encrypted with keys of a key server')],
  ['kmsAES.**', notSupported('objects are not encrypted with keys of a key server')],
  ['defaultEncryptionKeyPerAccount', notNeeded('there is no encryption with keys of a key server')],
  ['utapi.**', notSupported('usage per account is not counted')],
  ['bucketNotificationDestinations', filled(notSupported('no bucket notifications are sent'))],
  ['lifecycleRoleName', notNeeded('lifecycle rules are not run')],
  ['supportedLifecycleRules', notNeeded('lifecycle rules are not run')],
]

function restEndpoint(value: unknown): Judgement {
  if (value === 'us-east-1') return notNeeded('any host name is answered, and buckets go to us-east-1 by default')
  return notSupported('a bucket made through this host name without a location goes to us-east-1')
}

const ownAddresses = ['127.0.0.1/8', '127.0.0.1/32', '127.0.0.1', '::1', '::1/128']

/** Health checks of both programs answer this machine always, others only if listed. */
export function healthSources(value: unknown): Judgement {
  const others = Array.isArray(value) && value.some(source => !ownAddresses.includes(String(source)))
  if (!others) return notNeeded('the control port listens on this machine only')
  return notSupported('the control port listens on this machine only until control.listen, token and tls say otherwise')
}

/** The judgement, or `not needed` where nothing is set. */
export function filled(judgement: Judgement): (value: unknown) => Judgement {
  const empties: readonly unknown[] = ['', null, false, undefined]
  return value => {
    const empty =
      empties.includes(value) || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
    return empty ? notNeeded('nothing is set') : judgement
  }
}
