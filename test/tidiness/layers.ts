// The tables that tidy.ts enforces: which folder may import which, which npm package has which door, which calls are
// kept out of which files. A new folder, package or exception is one line here.

/** What the files below `folder` may import besides each other. The longest matching folder counts. */
export interface Layer {
  readonly folder: string
  readonly may: readonly string[]
}

const ports = [
  'src/metadata/metadata-store.ts',
  'src/metadata/ledger.ts',
  'src/queue/topic-log.ts',
  // The values on the topics are part of the contract between the stages.
  'src/queue/entry-format.ts',
  'src/queue/status-message.ts',
  'src/queue/unreadable.ts',
  'src/locations/location.ts',
  'src/locations/data-store.ts',
  'src/locations/data-name.ts',
  'src/locations/data-holders.ts',
  'src/locations/multiple-backend.ts',
  'src/locations/stored-pieces.ts',
  'src/locations/sealed-data.ts',
  'src/locations/master-keys.ts',
  'src/control/state-store.ts',
  'src/control/signal-bus.ts',
  'src/replicate/source-gateway.ts',
]
const ground = ['src/domain/', 'src/base/']
const stage = [...ground, ...ports, 'src/config/types.ts']

/** Stages see ports, never adapters and never each other; only the composition root and the tests see everything. */
export const layers: readonly Layer[] = [
  { folder: 'src/domain/', may: [] },
  { folder: 'src/base/', may: ['src/domain/'] },
  { folder: 'src/accounts/', may: ground },
  { folder: 'src/services/', may: ground },
  // The accounts file is part of the configuration and has one reader.
  { folder: 'src/config/', may: [...ground, 'src/accounts/'] },
  { folder: 'src/metadata/', may: [...ground, ...ports] },
  { folder: 'src/queue/', may: stage },
  { folder: 'src/locations/', may: [...ground, 'src/config/types.ts'] },
  { folder: 'src/control/', may: stage },
  // Its client is compiled on first use, into the folder where the other things lie that are fetched on demand.
  {
    folder: 'src/control/zookeeper/',
    may: [...stage, 'src/services/zookeeper-client.ts', 'src/services/service-cache.ts'],
  },
  { folder: 'src/replicate/', may: stage },
  { folder: 'src/status/', may: stage },
  { folder: 'src/lifecycle/', may: stage },
  { folder: 'src/notifications/', may: stage },
  { folder: 'src/s3/', may: [...stage, 'src/accounts/'] },
  { folder: 'src/api/', may: [...stage, 'src/control/', 'src/config/'] },
  { folder: 'src/telemetry/', may: stage },
  { folder: 'src/engine/', may: ['src/'] },
  {
    folder: 'src/cli/',
    may: [
      ...ground,
      'src/accounts/',
      'src/services/',
      'src/config/',
      'src/api/',
      'src/demo/',
      'src/engine/',
      'src/telemetry/',
    ],
  },
  { folder: 'src/demo/', may: [...stage, 'src/services/', 'src/config/'] },
  { folder: 'src/main.ts', may: ['src/cli/', ...ground] },
  { folder: 'bin/', may: [] },
  { folder: 'examples/', may: ['src/'] },
  { folder: 'test/', may: ['src/', 'bin/'] },
]

/** Folders of adapters: seen by their own files, by tests, and by what is named here. */
export const adapters: readonly { readonly folder: string; readonly seenBy: readonly string[] }[] = [
  // One writer thread owns the database, so the other SQLite adapters are written on top of this one.
  { folder: 'src/metadata/sqlite/', seenBy: ['src/engine/', 'src/queue/sqlite/', 'src/control/sqlite/'] },
  { folder: 'src/queue/sqlite/', seenBy: ['src/engine/'] },
  { folder: 'src/control/sqlite/', seenBy: ['src/engine/'] },
  { folder: 'src/control/in-process/', seenBy: ['src/engine/'] },
  { folder: 'src/metadata/postgres/', seenBy: ['src/engine/'] },
  { folder: 'src/queue/kafka/', seenBy: ['src/engine/'] },
  { folder: 'src/control/zookeeper/', seenBy: ['src/engine/'] },
  { folder: 'src/control/redis/', seenBy: ['src/engine/'] },
  { folder: 'src/locations/file/', seenBy: ['src/engine/'] },
  { folder: 'src/locations/memory/', seenBy: ['src/engine/'] },
  { folder: 'src/locations/remote/', seenBy: ['src/engine/'] },
  // The demo uploads its files to our own S3 server.
  { folder: 'src/locations/aws_s3/', seenBy: ['src/engine/', 'src/demo/'] },
  { folder: 'src/locations/azure/', seenBy: ['src/engine/'] },
]

/** The only places in src that may import a package. One that is not named here may not be imported at all. */
export const doors: Readonly<Record<string, readonly string[]>> = {
  '@fastify/swagger': ['src/api/'],
  '@fastify/type-provider-typebox': ['src/api/'],
  '@platformatic/kafka': ['src/queue/kafka/'],
  '@redis/client': ['src/control/redis/'],
  commander: ['src/cli/'],
  fastify: ['src/api/'],
  'hash-wasm': ['src/base/'],
  koffi: ['src/base/'],
  'node:sqlite': ['src/metadata/sqlite/'],
  pino: ['src/telemetry/'],
  postgres: ['src/metadata/postgres/'],
  'prom-client': ['src/telemetry/'],
  saxes: ['src/s3/xml/'],
  typebox: ['src/config/', 'src/api/'],
  undici: ['src/base/'],
  yaml: ['src/config/'],
  zookeeper: ['src/control/zookeeper/'],
}

/** A call kept out of code, except in the named files and folders. `in` is where the rule holds. */
export interface BannedCall {
  readonly pattern: RegExp
  readonly name: string
  readonly instead: string
  readonly in: readonly string[]
  readonly except: readonly string[]
}

const timers = { instead: 'the injected World', in: ['src/'], except: ['src/base/'] }
// A test may look at the real clock (a client that signs needs it), but not wait for it.
const clock = { ...timers, except: ['src/base/', '.test.ts'] }

export const bannedCalls: readonly BannedCall[] = [
  { ...clock, name: 'Date.now', pattern: /\bDate\.now\b/g },
  { ...clock, name: 'new Date()', pattern: /\bnew Date\(\)/g },
  { ...clock, name: 'performance.now', pattern: /\bperformance\.now\b/g },
  { ...clock, name: 'process.hrtime', pattern: /\bprocess\.hrtime\b/g },
  { ...clock, name: 'Math.random', pattern: /\bMath\.random\b/g },
  { ...timers, name: 'a timer', pattern: /(?<![.\w])(setTimeout|setInterval|setImmediate)\b/g },
  {
    name: 'process.env',
    pattern: /\bprocess\.env\b/g,
    instead: 'src/config/load.ts, which reads the environment once',
    in: ['src/'],
    // The services and the demo are programs that inherit our environment; tests set it for them.
    except: ['src/config/load.ts', 'src/base/', 'src/services/', 'src/demo/', '.test.ts'],
  },
  {
    name: 'a sleep in a test',
    pattern: /(?<![.\w])(setTimeout|setInterval)\b/g,
    instead: 'a virtual clock, or waiting for the event itself',
    in: ['test/conformance/', 'test/simulation/'],
    except: [],
  },
]
