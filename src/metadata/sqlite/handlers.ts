// Which function carries out which command.

import { changeBucket, createBucket, deleteBucket } from './bucket-commands.ts'
import type { Command, CommandKind, Reply, Request } from './commands.ts'
import { claim, makeDue, recount, renew, saveUploadProgress } from './ledger-commands.ts'
import { fold, retry } from './ledger-fold.ts'
import { report } from './ledger-report.ts'
import { nextLeaseEpoch, setState } from './state-commands.ts'
import { appendRecords, commitOffset } from './topic-commands.ts'
import { abortUpload, createUpload, forgetGarbage, putPart, trimJournal } from './upload-commands.ts'
import { changeVersion, deleteVersion, putReplica, putVersion } from './version-commands.ts'
import type { WriteContext } from './write-context.ts'

type Handlers = { readonly [Kind in CommandKind]: (context: WriteContext, request: Request<Kind>) => Reply<Kind> }

const handlers: Handlers = {
  'create-bucket': createBucket,
  'change-bucket': changeBucket,
  'delete-bucket': deleteBucket,
  'put-version': putVersion,
  'put-replica': putReplica,
  'change-version': changeVersion,
  'delete-version': deleteVersion,
  'create-upload': createUpload,
  'put-part': putPart,
  'abort-upload': abortUpload,
  'trim-journal': trimJournal,
  'forget-garbage': forgetGarbage,
  claim,
  renew,
  report,
  'save-upload': saveUploadProgress,
  fold,
  retry,
  'make-due': makeDue,
  recount,
  'append-records': appendRecords,
  'commit-offset': commitOffset,
  'set-state': setState,
  'next-lease-epoch': nextLeaseEpoch,
  'mark-clean': context => {
    context.connection.run(
      "INSERT INTO meta (name, value) VALUES ('clean', 1) ON CONFLICT (name) DO UPDATE SET value = 1",
    )
    return null
  },
}

/** Carries out one command inside the open transaction. Throws when the database does; outcomes are replies. */
export function carryOut<Kind extends CommandKind>(context: WriteContext, command: Command<Kind>): Reply<Kind> {
  const handler: Handlers[Kind] = handlers[command.kind]
  return handler(context, command.request)
}
