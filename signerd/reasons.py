"""The table of reasons that an error can give: code, meaning, remedy. `docs/errors.md` is generated from it."""

from __future__ import annotations

from enum import Enum

from signerd.codes import Code, Facts


class Reason(Enum):
    """Stable reason codes: the member's name is what stands in google.rpc.ErrorInfo."""

    # Requests
    REQUEST_MALFORMED = Facts(
        Code.INVALID_ARGUMENT,
        "The request is not a valid protobuf message, or its fields contradict each other.",
        "Send the message as signerd's proto files define it.",
    )
    REQUEST_TOO_LARGE = Facts(
        Code.RESOURCE_EXHAUSTED,
        "The request is larger than `limits.request`, or a message that is needed whole than `limits.payload`.",
        "Send a digest or a stream; in place of Ed25519 a key of `ed25519ph` takes both.",
    )
    REQUEST_ID_INVALID = Facts(
        Code.INVALID_ARGUMENT,
        "`request_id` is longer than 64 bytes or has other characters than printable ASCII.",
        "Use a UUID, or leave it empty.",
    )
    REQUEST_ID_REUSED = Facts(
        Code.ALREADY_EXISTS,
        "The same `request_id` came before with another request.",
        "Use a new id for a new request.",
    )
    TRACEPARENT_INVALID = Facts(
        Code.INVALID_ARGUMENT,
        "`traceparent` is not one of W3C Trace Context, version 00.",
        "Send `00-<32 hex>-<16 hex>-<2 hex>`, or leave it empty.",
    )
    INPUT_MISSING = Facts(
        Code.INVALID_ARGUMENT,
        "The request has nothing to sign or verify.",
        "Set one of `digest`, `message`, `dsse` and `ml_dsa_mu`.",
    )
    PAYLOAD_TYPE_INVALID = Facts(
        Code.INVALID_ARGUMENT,
        "The DSSE payload type is empty, too long or has characters outside printable ASCII.",
        "Send a media type such as `application/vnd.in-toto+json`.",
    )
    ENVELOPE_INVALID = Facts(
        Code.INVALID_ARGUMENT,
        "The bytes are not a DSSE envelope, or begin like its pre-authentication encoding and are not one.",
        "Send what the DSSE specification defines.",
    )
    PAYLOAD_INVALID = Facts(
        Code.INVALID_ARGUMENT,
        "The payload is not what its payload type promises: no in-toto statement, or no simple-signing payload.",
        "Send what the specification of the payload type defines.",
    )
    CHECKSUM_MISMATCH = Facts(
        Code.INVALID_ARGUMENT,
        "The CRC32C of the input is not the one the request states: it was damaged on the way.",
        "Send it again.",
    )
    BATCH_SIZE_INVALID = Facts(
        Code.INVALID_ARGUMENT, "A batch has no items or more than 1,000.", "Send 1 to 1,000 items."
    )
    STREAM_INVALID = Facts(
        Code.INVALID_ARGUMENT,
        "The stream has no header, more than one, or another length than its header declares.",
        "Send the header first, then exactly `length` bytes in chunks.",
    )
    PAGE_INVALID = Facts(
        Code.INVALID_ARGUMENT,
        "`page_size` is out of range or `page_token` was not made by this daemon.",
        "Use the `next_page_token` of the page before.",
    )
    # Digests and algorithms
    HASH_UNKNOWN = Facts(
        Code.INVALID_ARGUMENT, "The hash is not one that signerd knows.", "Use sha256, sha384 or sha512."
    )
    HASH_MISMATCH = Facts(
        Code.INVALID_ARGUMENT,
        "The hash of the digest is not the one of the key's algorithm.",
        "Hash with the algorithm that the key names, or send the message.",
    )
    DIGEST_LENGTH = Facts(
        Code.INVALID_ARGUMENT,
        "The digest does not have the length of its hash.",
        "Send the raw digest: 32 bytes for sha256, 48 for sha384, 64 for sha512.",
    )
    DIGEST_NOT_ACCEPTED = Facts(
        Code.INVALID_ARGUMENT,
        "The algorithm signs whole messages (Ed25519, ML-DSA); a digest would be signed as if it were the message.",
        "Send the message, or use `ed25519ph`; ML-DSA also takes `ml_dsa_mu`.",
    )
    MU_NOT_ACCEPTED = Facts(
        Code.INVALID_ARGUMENT,
        "`ml_dsa_mu` was sent to a key that is not ML-DSA, or is not 64 bytes long.",
        "Send the message or a digest.",
    )
    ALGORITHM_UNKNOWN = Facts(
        Code.INVALID_ARGUMENT,
        "No algorithm has that name.",
        "See the table of algorithms in the documentation.",
    )
    ALGORITHM_UNSUPPORTED = Facts(
        Code.INVALID_ARGUMENT,
        "The provider can't make or use keys of that algorithm, or the private key is not of it.",
        "Choose another algorithm or another provider.",
    )
    # Keys
    KEY_NAME_INVALID = Facts(
        Code.INVALID_ARGUMENT,
        "The key name does not follow the rules.",
        "Use segments of [a-z0-9._-], joined by `/`, 128 characters at most; `.`, `..` and `versions` are no segments.",
    )
    KEY_NOT_FOUND = Facts(
        Code.NOT_FOUND, "There is no key of that name.", "See `signerctl keys list`; create it first."
    )
    KEY_EXISTS = Facts(
        Code.ALREADY_EXISTS,
        "A key of that name exists.",
        "Choose another name; versions are made by rotation.",
    )
    VERSION_INVALID = Facts(
        Code.INVALID_ARGUMENT, "The version is negative.", "Use 0 for the primary, or a number from 1."
    )
    VERSION_NOT_FOUND = Facts(
        Code.NOT_FOUND, "The key has no version of that number.", "See `signerctl keys show`."
    )
    VERSION_STATE = Facts(
        Code.FAILED_PRECONDITION,
        "The state of the version does not allow the operation.",
        "Use the primary, or change the version's state.",
    )
    KEY_PURPOSE = Facts(
        Code.PERMISSION_DENIED,
        "The key serves the daemon itself (purpose bundle or log); no caller can use it.",
        "Use a key of purpose artifact or jwt.",
    )
    LABELS_INVALID = Facts(
        Code.INVALID_ARGUMENT,
        "A label's name or value is too long or has characters that are not allowed, or there are too many.",
        "At most 64 labels; names of [a-z0-9._/-] up to 63 characters, values up to 255 printable characters.",
    )
    PRIVATE_KEY_INVALID = Facts(
        Code.INVALID_ARGUMENT,
        "The private key can't be read: not PEM of PKCS#8, SEC1, PKCS#1 or cosign's format, or too weak.",
        "Check the file with `openssl pkey -in FILE -noout`.",
    )
    PASSWORD_WRONG = Facts(
        Code.INVALID_ARGUMENT,
        "The password does not open the private key.",
        "Give the password it was encrypted with.",
    )
    # Signatures
    SIGNATURE_MISMATCH = Facts(
        Code.FAILED_PRECONDITION,
        "The signature does not verify: other bytes, another key, or a damaged signature.",
        "Do not trust what it covers.",
    )
    SIGNATURE_MALFORMED = Facts(
        Code.INVALID_ARGUMENT,
        "The signature is empty or not in the encoding the request names.",
        "ECDSA: DER, or r||s with encoding P1363.",
    )
    # Identity
    CALLER_UNAUTHENTICATED = Facts(
        Code.UNAUTHENTICATED,
        "The caller has not proved who it is.",
        "Use a client certificate or the Unix socket.",
    )
    CALLER_DENIED = Facts(
        Code.PERMISSION_DENIED, "The caller may not do this.", "Ask those who write the policy."
    )
    # Providers
    PROVIDER_UNKNOWN = Facts(
        Code.INVALID_ARGUMENT, "No provider of that name is configured.", "See `signerctl status`."
    )
    PROVIDER_UNAVAILABLE = Facts(
        Code.UNAVAILABLE, "The provider can't be reached or used now.", "Try again; see `signerctl status`."
    )
    PROVIDER_TIMEOUT = Facts(
        Code.UNAVAILABLE,
        "The provider did not answer within its time limit.",
        "Try again; see `signerctl status`.",
    )
    PROVIDER_THROTTLED = Facts(
        Code.RESOURCE_EXHAUSTED,
        "The provider's quota is used up.",
        "Try again after the time the answer names; ask the provider for a larger quota.",
    )
    PROVIDER_DENIED = Facts(
        Code.FAILED_PRECONDITION,
        "The provider does not let signerd do this: credentials or permissions are missing.",
        "Give signerd's identity there the permissions that the provider's page names.",
    )
    PROVIDER_REFUSED = Facts(
        Code.FAILED_PRECONDITION,
        "The provider can't do what was asked: its answer was that the request is wrong.",
        "See the daemon's log for its words; `signerctl providers show` tells what it can do.",
    )
    PROVIDER_INTEGRITY = Facts(
        Code.DATA_LOSS,
        "The provider answered with a signature or public key that is not the pinned one's; nothing was released.",
        "Find out what happened to the key at the provider.",
    )
    KEY_MATERIAL_UNREADABLE = Facts(
        Code.UNAVAILABLE,
        "The private key can't be used: missing, damaged, readable by others, or locked with another password.",
        "Mend what `signerctl status` names, or restore it from a backup.",
    )
    KEY_MATERIAL_DISABLED = Facts(
        Code.FAILED_PRECONDITION,
        "The key is disabled at its provider, or waits there to be destroyed.",
        "Enable it there, or use another version.",
    )
    KEY_URI_INVALID = Facts(
        Code.INVALID_ARGUMENT,
        "The key URI is not one of the provider.",
        "See the provider's page for its form.",
    )
    # The daemon
    AUDIT_UNAVAILABLE = Facts(
        Code.UNAVAILABLE,
        "The audit log can't be written, so nothing is signed.",
        "Make room on the disk or mend the directory; signing comes back by itself.",
    )
    AUDIT_CORRUPT = Facts(
        Code.DATA_LOSS,
        "A record of the audit log that had been durable is damaged.",
        "Restore the log from a copy; signerd does not start on a damaged one.",
    )
    AUDIT_FORMAT_INVALID = Facts(
        Code.INVALID_ARGUMENT,
        "A checkpoint, proof, key file or witness policy of an audit log is not in its format.",
        "Take the file again from where it came from; see the page on verifying a log.",
    )
    AUDIT_EVIDENCE_INVALID = Facts(
        Code.FAILED_PRECONDITION,
        "An audit log, or a proof from one, is not what its signatures say: changed, cut off or damaged.",
        "Keep the files as they are; compare them with another copy and with checkpoints that others kept.",
    )
    AUDIT_INCONSISTENT = Facts(
        Code.DATA_LOSS,
        "The audit log on disk is not the one that a checkpoint was signed for: records are missing or changed.",
        "Keep the directory as evidence; the log goes on in a new shard.",
    )
    CHECKPOINT_UNAVAILABLE = Facts(
        Code.UNAVAILABLE,
        "There is no checkpoint of the audit log that covers the record: it can't be signed, kept or cosigned now.",
        "See `signerctl status`; records go on, and are covered as soon as that is mended.",
    )
    AUDIT_RECORD_NOT_FOUND = Facts(
        Code.NOT_FOUND, "There is no audit record at that position.", "See `signerctl audit list`."
    )
    AUDIT_INDEX_BEHIND = Facts(
        Code.UNAVAILABLE,
        "The index of the audit log's records is being made; filters need it.",
        "Try again; each try goes on where the last one ended.",
    )
    READER_TOO_SLOW = Facts(
        Code.RESOURCE_EXHAUSTED,
        "Who reads a stream of audit records took none for too long.",
        "Read faster, and go on from the last position.",
    )
    STATE_UNAVAILABLE = Facts(
        Code.UNAVAILABLE, "The state database can't be read or written.", "Try again; see the daemon's log."
    )
    STATE_STALE = Facts(
        Code.UNAVAILABLE,
        "The daemon has not seen the state revision that the request names.",
        "Try again; if it stays, it is another daemon's revision.",
    )
    STATE_TAMPERED = Facts(
        Code.DATA_LOSS,
        "The state database was edited or replaced by an older one.",
        "Restore the right database; signerd does not act on this one.",
    )
    OVERLOADED = Facts(
        Code.RESOURCE_EXHAUSTED,
        "More requests are under way than `limits.concurrent` allows.",
        "Try again a bit later.",
    )
    RATE_LIMITED = Facts(
        Code.RESOURCE_EXHAUSTED,
        "One identity made more requests, or more refused ones, than `audit.budget` lets it put on record.",
        "Try again after the time the answer names; raise `audit.budget` if that many are wanted.",
    )
    DEADLINE = Facts(
        Code.DEADLINE_EXCEEDED,
        "The deadline passed before there was an answer.",
        "Give more time, or try again.",
    )
    CANCELLED = Facts(Code.CANCELLED, "The caller went away before there was an answer.", "Try again.")
    METHOD_UNKNOWN = Facts(
        Code.UNIMPLEMENTED, "There is no such method.", "Use client and daemon of matching versions."
    )
    SHUTTING_DOWN = Facts(Code.UNAVAILABLE, "The daemon is stopping.", "Try another instance, or again.")
    INTERNAL = Facts(
        Code.INTERNAL, "A defect in signerd.", "Report it with the request id and the daemon's log."
    )
    # Set-up
    CONFIG_INVALID = Facts(
        Code.FAILED_PRECONDITION, "The configuration has an error.", "See `signerd config check FILE`."
    )
    HOME_IN_USE = Facts(
        Code.FAILED_PRECONDITION,
        "Another daemon works on the same directory.",
        "Stop it, or give this one a directory of its own.",
    )
    PERMISSIONS_TOO_OPEN = Facts(
        Code.FAILED_PRECONDITION,
        "A file or directory with secrets is open to others, or belongs to somebody else.",
        "chmod 0700 the directory, 0600 the file; chown it to the daemon's user.",
    )
    SOCKET_UNTRUSTED = Facts(
        Code.FAILED_PRECONDITION,
        "The socket belongs to neither the expected user nor root.",
        "Check who listens there.",
    )
    DAEMON_UNREACHABLE = Facts(
        Code.UNAVAILABLE,
        "No daemon answers at the endpoint.",
        "Start it with `signerd serve`, or set SIGNERD_ADDR.",
    )
    ENDPOINT_INVALID = Facts(
        Code.INVALID_ARGUMENT,
        "The endpoint is not `unix:PATH` or `HOST:PORT`.",
        "Mend --endpoint or SIGNERD_ADDR.",
    )
