// The credential of a Signature V4: whose key signed, and for which day, region and service. Read the same way wherever it is written (header,
// query, form field); only the words of the refusals differ.
import { parseAmzDate } from '../../base/signature-v4.ts'
import { type ErrorCode, type ServiceError, serviceError } from '../../domain/errors.ts'
import type { Regions } from './claim.ts'

export interface Credential {
  readonly accessKey: string
  /** `20130524` */
  readonly date: string
  readonly region: string
  /** `20130524/us-east-1/s3/aws4_request` */
  readonly scope: string
}

/** How a refusal is told: its code, the words that open its message, and what it names besides. */
export interface Reporting {
  readonly code: ErrorCode
  readonly opening: string
  readonly details?: Readonly<Record<string, string>>
}

/** Reads `AKID/20130524/us-east-1/s3/aws4_request`. Throws the error that `reporting` says. */
export function parseCredential(text: string, reporting: Reporting, regions: Regions): Credential {
  const parts = text.split('/')
  const [accessKey, date, region, service, terminal] = parts
  if (parts.length !== 5 || !accessKey || date === undefined || region === undefined) {
    throw malformed(
      reporting,
      'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
    )
  }
  if (terminal !== 'aws4_request') {
    throw malformed(reporting, `incorrect terminal "${terminal}". This endpoint uses "aws4_request".`)
  }
  if (service !== 's3') {
    throw malformed(reporting, `incorrect service "${service}". This endpoint belongs to "s3".`)
  }
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/.test(region) || !regions.accepts(region)) {
    const message = `the region "${region.slice(0, 64)}" is wrong; expecting "${regions.home}"`
    throw malformed(reporting, message, { Region: regions.home })
  }
  if (parseAmzDate(`${date}T000000Z`) === undefined) {
    const message = `incorrect date format "${date}". This date in the credential must be in the format "yyyyMMdd".`
    throw malformed(reporting, message)
  }
  return { accessKey, date, region, scope: `${date}/${region}/s3/aws4_request` }
}

function malformed(reporting: Reporting, what: string, details?: Readonly<Record<string, string>>): ServiceError {
  return serviceError(reporting.code, {
    message: `${reporting.opening}${what}`,
    details: { ...reporting.details, ...details },
  })
}
