// Every limit of the program in one place. Sizes are bytes, times are milliseconds.

export const limits = {
  /** Objects up to this size lie in the metadata store, larger ones in files. */
  inlineObjectBytes: 16 * 1024,
  keyBytes: 1024,
  userMetadataBytes: 2048,
  tagsPerObject: 10,
  tagKeyChars: 128,
  tagValueChars: 256,
  singlePutBytes: 5 * 1024 ** 3,
  objectBytes: 5 * 1024 ** 4,
  partNumberMax: 10_000,
  partBytesMin: 5 * 1024 ** 2,
  partBytesMax: 5 * 1024 ** 3,
  xmlBytes: 2 * 1024 ** 2,
  xmlDepth: 20,
  controlBodyBytes: 1024 ** 2,
  headerBytes: 64 * 1024,
  listKeysMax: 1000,
  deleteObjectsMax: 1000,
  replicationRulesMax: 1000,
  clockSkewMs: 15 * 60_000,
  /** Distance allowed between a consumer's low-water mark and its newest finished offset. */
  consumerWindow: 10_000,
  /** Entries that a queue processor holds in memory. */
  processorQueue: 1_000,
  destinationRequestTimeoutMs: 120_000,
  /** A claim lasts no longer than the request timeout; it is renewed while its task lives. */
  claimLeaseMs: 120_000,
  scheduleHoursMin: 1,
  scheduleHoursMax: 8760,
  scheduleHoursDefault: 6,
  metadataPutBytes: 5 * 1024 ** 2,
} as const
