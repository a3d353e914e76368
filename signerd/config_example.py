"""The commented example that `signerd config example` prints. It passes `signerd config check`."""

from __future__ import annotations

_EXAMPLE = """\
# signerd's configuration. Every setting is optional; without a file signerd listens on a Unix socket
# and keeps everything under its home directory. Relative paths start at this file's directory.

# Where signerd keeps its own files. Default: $SIGNERD_HOME, else $XDG_DATA_HOME/signerd.
home: /var/lib/signerd

# Processes that share the TCP listeners. One is right for most; each holds its own keys and audit log.
workers: 1

# Where clients connect (gRPC). A listener's name is the identity of those who come through its socket.
listeners:
  - name: local
    unix: /run/signerd/signerd.sock
    mode: "0660"              # in quotes; others never get access
    # owner: signerd:builders # USER, USER:GROUP or :GROUP
  - name: cluster
    tcp: 0.0.0.0:8443
    tls:                      # read again for new connections when the files change
      cert: /etc/signerd/tls.crt
      key: /etc/signerd/tls.key
      client_ca: /etc/signerd/ca.crt   # whose client certificates are taken (mTLS)
    # role: auditor           # its callers read the audit log and can do nothing else; without it: full
    # insecure_no_client_auth: true    # TLS without client_ca
    # insecure_plaintext: true         # TCP without tls

# Health and metrics over plain HTTP: /healthz /readyz /metrics. Off unless it stands here.
http:
  listen: 127.0.0.1:9090      # or: unix: /run/signerd/http.sock

# What signerd must remember: keys, versions, public keys.
state:
  url: sqlite:////var/lib/signerd/state.db   # or: postgresql://signerd@db.example.org/signerd
  # password_file: /etc/signerd/db-password  # PostgreSQL's; never in the URL
  key_file: /var/lib/signerd/state.key       # authenticates the rows; made at the first start

# Every request has its record here before it is answered.
audit:
  directory: /var/lib/signerd/audit
  gather: 5ms                 # how long a group of records waits for more before it is synced
  segment: 16MiB              # a new file of the write-ahead log begins at this size
  # retention: 400d           # older records are deleted; without it none are
  checkpoint_interval: 5s     # how often the head of the log is signed while there are new records
  heartbeat: 5m               # how often a quiet log gets a record and a checkpoint
  # witnesses:                # cosign checkpoints, so that nobody can be shown another log; needs signerd[witnesses]
  #   members:
  #     - {url: https://witness.example.org, key: witness.example.org+e923764f+BA}  # the key as its operator gives it
  #   quorum: 1
  # mirror:                   # a copy of the log elsewhere; or directory: PATH
  #   bucket: s3://audit-mirror/signerd
  #   region: eu-central-1
  #   endpoint: https://s3.example.org         # of a store that is not AWS's
  #   profile: audit                           # of the AWS configuration files
  # reserve: 1GiB             # free space kept for administration: below it requests are refused
  budget:                     # what one identity may put on record, in each worker
    records: 50000            # a second; beyond, its requests are refused
    burst: 100000             # at once
    refusals: 600             # a minute of refused ones with records of their own; the others are counted
  # sinks:                    # get a copy of every record
  #   - name: siem
  #     type: http            # CloudEvents in batches; needs signerd[sinks]
  #     url: https://siem.example.org/events
  #     token_file: /etc/signerd/siem-token
  #     required: true        # no signature before this sink has its record too
  #     timeout: 5s           # of a delivery, and how long a signature waits for it
  #   - name: syslog
  #     type: syslog          # RFC 5424 over TCP, here with TLS
  #     address: logs.example.org:6514
  #     facility: audit
  #     tls: {ca: /etc/signerd/logs-ca.crt, server_name: logs}  # cert and key: a client certificate
  #     queue: 1000000        # how far it may be behind, in records, before it leaves some out
  #   - name: file
  #     type: file            # JSON Lines; reopened when it is rotated
  #     path: /var/log/signerd/audit.jsonl

# Where private keys are. The name stands in key URIs: don't change it later.
providers:
  local:
    type: local               # key files in cosign's encrypted format
    directory: /var/lib/signerd/keys
    password_credential: signerd-password    # or password_file: PATH, or password_env: VARIABLE
    verify_after_sign: sampled               # or always

  # secrets:                  # keys in Kubernetes Secrets; needs signerd[kubernetes]
  #   type: k8s-secret
  #   namespace: signing-keys
  #   kubeconfig: /etc/signerd/kubeconfig    # without it the pod's service account

  # aws:                      # AWS KMS; credentials of the SDK's default chain; needs signerd[aws]
  #   type: aws-kms
  #   region: eu-central-1
  #   signatures_per_second: 1000            # of the account's quota

  # google:                   # Google Cloud KMS; application default credentials; needs signerd[gcp]
  #   type: gcp-kms
  #   key_ring: projects/my-project/locations/europe-west3/keyRings/signing
  #   protection: hsm                        # or software

  # vault:                    # transit of Vault or OpenBao; needs signerd[vault]
  #   type: vault-transit
  #   address: https://vault.example.org:8200
  #   mount: transit
  #   method: approle                        # or token, kubernetes, jwt
  #   role_id: {file: /etc/signerd/role-id}  # or {env: VARIABLE}, or {credential: NAME} (systemd)
  #   secret_id: {file: /etc/signerd/secret-id}

  # hsm:                      # a PKCS#11 token; needs signerd[pkcs11]
  #   type: pkcs11
  #   module: /usr/lib/softhsm/libsofthsm2.so
  #   token: signing
  #   pin: {file: /etc/signerd/pin}
  #   call: 2s                               # every provider outside has call, create and concurrent

  # scratch:                  # in memory, for tests
  #   type: memory

# Where keys go that name no provider. Default: the only one there is.
default_provider: local

# Sizes are bytes, or numbers with kB, MB, GB, KiB, MiB, GiB.
limits:
  request: 4MiB               # a whole gRPC message
  payload: 3MiB               # what one request can have signed; SignStream takes more
  concurrent: 1000            # requests under way, in each worker
  streams: 1000               # of one connection

# Every key signs a canary now and then, so that what changed at its provider shows before somebody needs it.
checks:
  interval: 1h                # spread over the hour; 0s is never

log:
  level: info                 # debug, info, warning, error
  format: auto                # console on a terminal, else json

# How long requests under way may take to finish after SIGTERM.
drain: 5s
"""


def example() -> str:
    """A whole config file with comments."""
    return _EXAMPLE
