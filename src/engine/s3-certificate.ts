// The certificate of the S3 port: read at the start, and again whenever its files change. Connections that are open go on; a pair that does
// not fit together is reported and the former stays in use.
import { readFile } from 'node:fs/promises'
import { pipelineNotices } from '../base/channels.ts'
import { pollFiles } from '../base/file-poll.ts'
import type { Timers } from '../base/world.ts'
import type { HostPort, S3Config } from '../config/types.ts'
import type { S3Certificate } from '../s3/http/listeners.ts'
import type { S3Server } from '../s3/http/server.ts'

type Files = NonNullable<S3Config['tls']>

/** Rejects when a file cannot be read. */
export async function readCertificate(
  files: Files | undefined,
): Promise<(S3Certificate & { readonly listen: HostPort | undefined }) | undefined> {
  return files === undefined ? undefined : { ...(await readPair(files)), listen: files.listen }
}

/** Answers how to stop. */
export function renewCertificate(server: S3Server, files: Files, timers: Timers): () => void {
  return pollFiles([files.certFile, files.keyFile], timers, async () => {
    try {
      server.changeCertificate(await readPair(files))
    } catch (error) {
      pipelineNotices.publish({
        kind: 'failed',
        what: `reading the certificate of the S3 port in ${files.certFile}`,
        error,
      })
    }
  })
}

async function readPair({ certFile, keyFile }: Files): Promise<S3Certificate> {
  const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')])
  return { cert, key }
}
