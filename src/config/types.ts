// The configuration as the rest of the program sees it: checked, complete (every default filled in), read-only, with
// absolute paths and wrapped secrets. This file holds types only and does no I/O, so any module may import it.

import type { Secret } from '../base/secret.ts'

/** A TCP address. `host` carries no brackets around an IPv6 address. Port 0 asks the system for a free port. */
export type HostPort = { readonly host: string; readonly port: number }

/** Keys that sign requests. */
export type Credentials = {
  readonly accessKey: string
  readonly secretKey: Secret
  readonly sessionToken: Secret | undefined
}

/** Whole configuration of one Crossbeat process. */
export type Config = {
  /** Absolute path of the file it was read from; undefined if it was built in memory. */
  readonly configFile: string | undefined
  /** Absolute path. */
  readonly dataDir: string
  readonly s3: S3Config
  readonly control: ControlConfig
  /** Absolute path of the accounts file (authdata.json); undefined: one administrator is made into dataDir. */
  readonly accountsFile: string | undefined
  /** Always contains a `us-east-1` and at least one location of type `file` or `aws_s3`. */
  readonly locations: readonly LocationConfig[]
  /** The replication endpoints in the order of the file. At most one is the default; if there are any, exactly one. */
  readonly sites: readonly SiteConfig[]
  /** Exactly 7 printable ASCII characters; it is part of every version id. */
  readonly replicationGroupId: string
  readonly replication: ReplicationConfig
  readonly engine: EngineConfig
  readonly notifications: NotificationsConfig
  /** Where a process without the control role answers /live, /ready and /metrics; undefined: a free port of this machine. */
  readonly health: { readonly listen: HostPort | undefined }
  readonly log: { readonly level: LogLevel }
}

/** How lifecycle rules are carried out. */
export type LifecycleConfig = {
  /** Between the end of one walk over the buckets and the next. */
  readonly intervalMs: number
  /** 24 hours, except in tests. */
  readonly dayMs: number
}

/** Master keys of server-side encryption. */
export type EncryptionConfig = {
  /** `key`: base64 of 32 bytes. */
  readonly keys: readonly { readonly id: string; readonly key: Secret }[]
  /** Id of the one that encrypts what is written from now on; the others only decrypt. */
  readonly current: string
}

/** The S3 port. */
export type S3Config = {
  readonly listen: HostPort
  /** Where other processes reach this port, if not where it listens. */
  readonly advertise: HostPort | undefined
  /** undefined: the embedded engine makes a master key when it needs one; the distributed one does not encrypt. */
  readonly encryption: EncryptionConfig | undefined
  /** Threads that serve the port; 0: the main thread does, as it always does with the distributed engine. */
  readonly workers: number
  readonly lifecycle: LifecycleConfig
  /** The region signatures are for, beside the names of the locations; `*`: any. */
  readonly region: string
  /** Host names, in lower case, whose sub-domains name buckets. */
  readonly endpoints: readonly string[]
  /** Host names, in lower case, at which and at whose sub-domains websites are served. */
  readonly websiteEndpoints: readonly string[]
  /** With an address of its own HTTPS is spoken there and HTTP on `listen`, without on `listen`. Absolute paths of PEM files. */
  readonly tls:
    | { readonly certFile: string; readonly keyFile: string; readonly listen: HostPort | undefined }
    | undefined
}

/** Whom buckets may send their events to. */
export type NotificationsConfig = {
  readonly targets: readonly NotificationTargetConfig[]
  /** Events that a target has not taken for so long are given up. */
  readonly keepMs: number
}

export type NotificationTargetConfig = WebhookConfig | KafkaTargetConfig

export type WebhookConfig = {
  readonly kind: 'webhook'
  readonly name: string
  /** http or https; its path or query may hold a key. */
  readonly url: Secret
  /** Value of the header. */
  readonly authorization: Secret | undefined
  readonly timeoutMs: number
}

export type KafkaTargetConfig = {
  readonly kind: 'kafka'
  readonly name: string
  /** Must be there already. */
  readonly topic: string
} & Omit<KafkaConfig, 'topics' | 'canaries'>

/** What the process stands on. */
export type EngineConfig = { readonly kind: 'embedded' } | DistributedEngineConfig

/** Servers that many processes share. */
export type DistributedEngineConfig = {
  readonly kind: 'distributed'
  readonly postgres: PostgresConfig
  readonly kafka: KafkaConfig
  readonly zookeeper: ZookeeperConfig
  /** undefined: changes are noticed by watches and by asking, within seconds. */
  readonly redis: RedisConfig | undefined
}

export type PostgresConfig = {
  readonly url: Secret
  /** Connections of one process. */
  readonly poolMax: number
}

export type KafkaConfig = {
  /** Not empty. */
  readonly brokers: readonly HostPort[]
  readonly clientId: string
  readonly sasl: KafkaSasl | undefined
  readonly tls: ClientTls | undefined
  /** How the topics are made; by what they are for. */
  readonly topics: Readonly<Record<'replication' | 'status', TopicShape>>
  /** Consumers tell of themselves as Backbeat's do. */
  readonly canaries: boolean
}

export type KafkaSasl = {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
  readonly username: string
  readonly password: Secret
}

export type TopicShape = { readonly partitions: number; readonly replication: number }

/** Texts of PEM files; what is undefined is the system's, or not sent. */
export type ClientTls = {
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: Secret | undefined
}

export type ZookeeperConfig = {
  /** `host:port,host:port/chroot`; the chroot may be missing. */
  readonly connectionString: string
  readonly sessionTimeoutMs: number
  readonly auth: { readonly username: string; readonly password: Secret } | undefined
}

export type RedisConfig = {
  readonly server:
    | { readonly kind: 'url'; readonly url: Secret }
    | {
        readonly kind: 'sentinels'
        readonly sentinels: readonly HostPort[]
        readonly name: string
        readonly password: Secret | undefined
      }
  readonly password: Secret | undefined
  readonly tls: ClientTls | undefined
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

/** Control API. Off loopback there is a token and TLS, unless `insecure` was said explicitly. */
export type ControlConfig = {
  readonly listen: HostPort
  readonly token: Secret | undefined
  /** Absolute paths of PEM files that were readable when the configuration was loaded. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined
  readonly insecure: boolean
}

export type LocationConfig = FileLocationConfig | S3LocationConfig | AzureLocationConfig

type LocationCommon = {
  readonly name: string
  /** Unique over all locations. */
  readonly objectId: string
  readonly legacyAwsBehavior: boolean
}

export type FileLocationConfig = LocationCommon & { readonly type: 'file' }

export type S3LocationConfig = LocationCommon & { readonly type: 'aws_s3'; readonly details: S3LocationDetails }

export type AzureLocationConfig = LocationCommon & { readonly type: 'azure'; readonly details: AzureLocationDetails }

export type S3LocationDetails = {
  /** host or host:port, without scheme; IPv6 addresses in brackets. */
  readonly awsEndpoint: string
  readonly bucketName: string
  /** true: a key is stored as it is; false: as `<bucket>/<key>`. */
  readonly bucketMatch: boolean
  readonly region: string
  readonly https: boolean
  readonly pathStyle: boolean
  readonly serverSideEncryption: boolean
  readonly supportsVersioning: boolean
  /** The bucket has object lock: retentions and legal holds go along. */
  readonly supportsObjectLock: boolean
  /** Inline, or what the named profile held when the configuration was loaded. */
  readonly credentials: Credentials
}

export type AzureLocationDetails = {
  /** http(s) URL that ends with a slash, without query. */
  readonly azureStorageEndpoint: string
  readonly azureContainerName: string
  /** true: a key is stored as it is; false: as `<bucket>/<key>`. */
  readonly bucketMatch: boolean
  readonly auth: AzureAuth
}

export type AzureAuth =
  | { readonly kind: 'sharedKey'; readonly account: string; readonly key: Secret }
  /** The token is a query string without the leading question mark. */
  | { readonly kind: 'sas'; readonly token: Secret }

/** One replication endpoint: a cloud location, or another server of this family. */
export type SiteConfig = CloudSiteConfig | ServersSiteConfig

export type CloudSiteConfig = {
  readonly kind: 'cloud'
  readonly site: string
  readonly isDefault: boolean
  readonly type: CloudType
  /** Name of the location; equal to `site`. */
  readonly location: string
}

export type ServersSiteConfig = {
  readonly kind: 'servers'
  readonly site: string
  readonly isDefault: boolean
  /** Not empty. */
  readonly servers: readonly HostPort[]
  readonly https: boolean
  readonly credentials: Credentials
}

/** Kinds of cloud that a site can be. */
export type CloudType = 'aws_s3' | 'azure'

/** What a site is to the retry settings: its cloud, or `scality` for a site with servers. */
export type RetryKind = CloudType | 'scality'

export type ReplicationConfig = {
  readonly topics: { readonly replication: string; readonly status: string }
  readonly queueProcessor: {
    /** Tasks at once per site. */
    readonly concurrency: number
    /** Parts of one object at once. */
    readonly mpuPartsConcurrency: number
    /** Objects of at least this many bytes go by multipart. */
    readonly minMPUSizeBytes: number
    readonly retry: Readonly<Record<RetryKind, BackoffConfig>>
  }
  readonly gateway: GatewayConfig
  readonly memory: {
    /** Bytes of object data that all transfers of the process may hold together. */
    readonly inFlightBytes: number
  }
}

/** Pace of the retries of transient and throttled failures, which go on until they succeed. */
export type BackoffConfig = {
  readonly minMs: number
  readonly maxMs: number
  /** Share of a delay, from 0 to 1, that is random. */
  readonly jitter: number
  /** Each delay is the one before times this. */
  readonly factor: number
}

/** How the replication half reaches the source. */
export type GatewayConfig =
  | { readonly kind: 'direct' }
  /** `source` undefined: our own S3 port, with a service account made for it. */
  | { readonly kind: 'http'; readonly source: GatewaySource | undefined }

export type GatewaySource = {
  readonly https: boolean
  readonly host: string
  readonly port: number
  /** undefined: the service account made for it. */
  readonly credentials: Credentials | undefined
}

/** One thing that is wrong with a configuration. */
export type Problem = {
  /** Where in the configuration, e.g. `locations.awsbackend.details.region`; empty for the document as a whole. */
  readonly path: string
  /** What is there. Never a secret. */
  readonly found: string
  readonly expected: string
  /** The valid name that is most like an unknown one. */
  readonly nearest?: string
  /** `file:line:column`, where it is known. */
  readonly at?: string
}

export type ConfigResult =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly Problem[] }
