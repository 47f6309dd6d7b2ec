// What a story must not leave at its destination: uploads that were begun and never ended. They are cleared behind the copies, so it may take a moment.
import { ListMultipartUploadsCommand, type S3Client } from '@aws-sdk/client-s3'
import { until } from '../until.ts'

/** Resolves when no upload is left in the bucket, of keys that begin with `prefix`. */
export async function noUploadsLeft(client: S3Client, bucket: string, prefix = ''): Promise<void> {
  await until(`no upload is left in ${bucket}`, async () => {
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))
    return Uploads.every(({ Key = '' }) => !Key.startsWith(prefix))
  })
}
