#!/usr/bin/env bash
# Makes the certificates and the keys of the server's tests: a.crt and a.key belong together, and b.crt and b.key.
set -euo pipefail
cd "$(dirname "$0")/tls"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout a.key -out a.crt -days 36500 \
  -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1
openssl ecparam -name prime256v1 -genkey -noout -out b.key
openssl req -x509 -key b.key -out b.crt -days 36500 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost,IP:127.0.0.1
