// What the newcomer can try next, ready to be pasted: addresses, keys, an aws line, a curl line.
import { styleText } from 'node:util'

export interface NextSteps {
  readonly s3: string
  readonly control: string
  readonly accessKey: string
  readonly secretKey: string
  readonly bucket: string
  readonly copies: readonly string[]
  /** That starts it again. */
  readonly command: string
}

export function nextSteps(facts: NextSteps): string {
  const title = (text: string): string => styleText('bold', text)
  return [
    '',
    title('Your S3 endpoint'),
    `  ${facts.s3}   bucket ${facts.bucket}   region us-east-1`,
    `  access key ${facts.accessKey}   secret key ${facts.secretKey}`,
    '',
    title('Put something yourself, and see where it has arrived'),
    `  export AWS_ACCESS_KEY_ID=${facts.accessKey} AWS_SECRET_ACCESS_KEY=${facts.secretKey} AWS_DEFAULT_REGION=us-east-1`,
    `  aws --endpoint-url ${facts.s3} s3 cp README.md s3://${facts.bucket}/mine.md`,
    `  aws --endpoint-url ${facts.s3} s3api head-object --bucket ${facts.bucket} --key mine.md`,
    '',
    title('Pause a location, look, resume it'),
    `  curl -X POST ${facts.control}/_/crr/pause/azurebackend`,
    `  node bin/crossbeat.js status --control ${facts.control}`,
    `  node bin/crossbeat.js resume azurebackend --in 6h --control ${facts.control}`,
    `  curl -X POST ${facts.control}/_/crr/resume/azurebackend`,
    '',
    title('Control API'),
    `  ${facts.control}   (described at ${facts.control}/api/v1/openapi.json)`,
    '',
    title('The copies'),
    ...facts.copies.map(line => `  ${line}`),
    '',
    `Crossbeat keeps running. Ctrl-C stops it; the next ${facts.command} finds its data again.`,
  ].join('\n')
}
