#!/bin/sh
# Makes the secrets of this example: .env for the compose file, and the accounts of Crossbeat and of the stand-in S3 cloud.
# Runs once; what is there already stays. FOLDER (default: this one) takes the files.
set -eu
folder=${FOLDER:-$(dirname "$0")}
umask 077

random() { od -An -N "$1" -tx1 /dev/urandom | tr -d ' \n'; }

account() { # name, digit, access key, secret key
  cat <<ACCOUNT
{"accounts": [{"name": "$1", "email": "$1@example.com", "arn": "arn:aws:iam::12345678901$2:root",
  "canonicalID": "$(random 32)", "shortid": "12345678901$2", "admin": true,
  "keys": [{"access": "$3", "secret": "$4"}]}]}
ACCOUNT
}

[ ! -e "$folder/.env" ] || { echo "$folder/.env is there already; remove it to make new secrets" >&2; exit 1; }
cloud_access="CLOUD$(random 8 | tr 'a-f' 'A-F')"
cloud_secret=$(random 20)
access="CROSSBEAT$(random 6 | tr 'a-f' 'A-F')"
secret=$(random 20)
account crossbeat 1 "$access" "$secret" >"$folder/authdata.json"
account cloud 2 "$cloud_access" "$cloud_secret" >"$folder/cloud-authdata.json"
cat >"$folder/.env" <<ENV
POSTGRES_PASSWORD=$(random 16)
CONTROL_TOKEN=$(random 16)
CLOUD_ACCESS_KEY=$cloud_access
CLOUD_SECRET_KEY=$cloud_secret
ENV
# Containers read these as another user; the folder above them keeps others out.
chmod 644 "$folder/authdata.json" "$folder/cloud-authdata.json"
echo "The administrator's keys: $access $secret"
