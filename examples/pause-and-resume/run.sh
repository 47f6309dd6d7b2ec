#!/usr/bin/env bash
# Pauses one location of a running demo, writes an object, and watches its status until both clouds have it.
set -euo pipefail
cd "$(dirname "$0")/../.."

s3=${S3:-http://127.0.0.1:8000}
control=${CONTROL:-http://127.0.0.1:8900}
credentials=${CREDENTIALS:-data/crossbeat/credentials}
access=$(sed -n 's/^aws_access_key_id *= *//p' "$credentials")
secret=$(sed -n 's/^aws_secret_access_key *= *//p' "$credentials")
key="example-$(date +%s).txt"

s3_request() {
  curl --silent --show-error --fail --aws-sigv4 aws:amz:us-east-1:s3 --user "$access:$secret" \
    --header 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$@"
}

status() {
  s3_request --head "$s3/demo/$key" | tr -d '\r' | sed -n 's/^x-amz-\(meta-[a-z]*-\)\{0,1\}replication-status: /  \1/p'
}

echo "Pausing azurebackend"
curl --silent --fail --request POST "$control/_/crr/pause/azurebackend" > /dev/null
echo "Uploading $key"
s3_request --request PUT --data-binary "written while Azure was paused" "$s3/demo/$key" > /dev/null
until status | grep -q 'meta-awsbackend-COMPLETED'; do :; done
echo "S3 has it, Azure waits:"
status
echo "Resuming azurebackend"
curl --silent --fail --request POST "$control/_/crr/resume/azurebackend" > /dev/null
until status | grep -q '^  COMPLETED'; do :; done
echo "Both have it:"
status
