// What a bucket may be called: S3's rules for new general purpose buckets, which also keep every name safe in a path and in a host name.

const form = /^[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9]$/
const addressLike = /^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$/
const reservedPrefix = /^(?:xn--|sthree-|amzn-s3-demo-)/
const reservedSuffix = /(?:-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$/

export function isBucketName(name: string): boolean {
  return (
    form.test(name) &&
    !/\.\.|\.-|-\./.test(name) &&
    !addressLike.test(name) &&
    !reservedPrefix.test(name) &&
    !reservedSuffix.test(name)
  )
}
