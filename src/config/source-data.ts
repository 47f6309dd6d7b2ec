// Which locations can hold the data of buckets (decision 9): files, and S3 locations unless copies there may have any name.
import type { FileLocationConfig, LocationConfig, S3LocationConfig, SiteConfig } from './types.ts'

export function holdsSourceData(
  location: LocationConfig,
  sites: readonly SiteConfig[],
): location is FileLocationConfig | S3LocationConfig {
  if (location.type === 'file') return true
  if (location.type !== 'aws_s3') return false
  // With bucketMatch a copy has the key of its object, which may be that of any of our data.
  const takesCopies = sites.some(site => site.kind === 'cloud' && site.location === location.name)
  return !(takesCopies && location.details.bucketMatch)
}
