// Every limit of the program in one place. Sizes are bytes, times are milliseconds.

export const limits = {
  /** Objects up to this size lie in the metadata store, larger ones in files. */
  inlineObjectBytes: 16 * 1024,
  keyBytes: 1024,
  userMetadataBytes: 2048,
  tagsPerObject: 10,
  tagsPerBucket: 50,
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
  /** Amazon S3 User Guide, "Working with object metadata": the header of a PUT request. */
  putHeaderBytes: 8 * 1024,
  /** What stands before the file of a form. */
  formFieldBytes: 20 * 1024,
  listKeysMax: 1000,
  deleteObjectsMax: 1000,
  replicationRulesMax: 1000,
  lifecycleRulesMax: 1000,
  notificationRulesMax: 100,
  /** Characters of a rule's ID, in every configuration that has rules. */
  ruleIdChars: 255,
  corsRulesMax: 100,
  corsDocumentBytes: 64 * 1024,
  websiteRulesMax: 50,
  websiteDocumentBytes: 128 * 1024,
  logPrefixBytes: 800,
  redirectLocationBytes: 2048,
  clockSkewMs: 15 * 60_000,
  /** Distance allowed between a consumer's low-water mark and its newest finished offset. */
  consumerWindow: 10_000,
  /** Entries that a queue processor holds in memory. */
  processorQueue: 1_000,
  /** How long the copy that a rule prefers for reading may take to begin, before the source is read instead. */
  preferredReadMs: 5_000,
  destinationRequestTimeoutMs: 120_000,
  /** A claim lasts no longer than the request timeout; it is renewed while its task lives. */
  claimLeaseMs: 120_000,
  scheduleHoursMin: 1,
  scheduleHoursMax: 8760,
  scheduleHoursDefault: 6,
  metadataPutBytes: 5 * 1024 ** 2,
  /** Bytes of one transfer that are in memory at once: a few pieces, and what the sockets hold. */
  transferWindowBytes: 1024 ** 2,
  /** Ranges up to this size are read into memory at once, within the budget; larger ones are streamed. */
  heldRangeBytes: 16 * 1024 ** 2,
  /** Buffers of finished transfers that are kept for the next ones. */
  pooledBytesMax: 64 * 1024 ** 2,
  /**
   * Source data at an S3 location: parts of this size, bytes of all writers of a location in memory (all threads together, but at least so much in
   * each), and the time one request may take.
   */
  sourcePartBytes: 8 * 1024 ** 2,
  sourceWriteBytes: 128 * 1024 ** 2,
  sourceWriteBytesMin: 32 * 1024 ** 2,
  sourceRequestMs: 60_000,
  /** How long another node may take to begin to answer with data that only it has. */
  remoteAnswerMs: 10_000,
  /** Topic records, ledger rows and results handled in one batch. */
  pipelineBatch: 256,
  /** Connections to a location that may fail one after another before its circuit opens. */
  connectionFailuresInARow: 8,
  /** A queue processor asks the ledger for due rows at least this often. */
  dueCheckMs: 5_000,
  /** Lines of an access log wait so long for others, or until they are so many. */
  accessLogMs: 5_000,
  accessLogBytes: 1024 ** 2,
  /** What all lines of a thread that are not delivered yet may take; a server that ends waits so long for them. */
  accessLogHeldBytes: 16 * 1024 ** 2,
  accessLogCloseMs: 3_000,
  /** Rows without a live entry are looked for this often, and are left alone until they are this old. */
  sweepMs: 30_000,
  strandedAfterMs: 60_000,
  recountMs: 15 * 60_000,
  /** How long running attempts may go on when the process closes. */
  closingGraceMs: 10_000,
} as const
