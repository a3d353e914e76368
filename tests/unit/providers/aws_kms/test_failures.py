"""What the failures of AWS KMS mean, and that nothing secret of them is told."""

from __future__ import annotations

import pytest
from botocore.session import get_session

from signerd.connections.aws import Told
from signerd.errors import Reason
from signerd.providers.aws_kms.failures import expected, failure, is_trouble, reason_of


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("ThrottlingException", Reason.PROVIDER_THROTTLED),
        ("LimitExceededException", Reason.PROVIDER_THROTTLED),
        ("AccessDeniedException", Reason.PROVIDER_DENIED),
        ("NoCredentialsError", Reason.PROVIDER_DENIED),
        ("ExpiredTokenException", Reason.PROVIDER_DENIED),
        ("FileNotFoundError", Reason.PROVIDER_DENIED),
        ("NotFoundException", Reason.KEY_MATERIAL_UNREADABLE),
        ("DisabledException", Reason.KEY_MATERIAL_DISABLED),
        ("KMSInvalidStateException", Reason.KEY_MATERIAL_DISABLED),
        ("KMSInternalException", Reason.PROVIDER_UNAVAILABLE),
        ("KeyUnavailableException", Reason.PROVIDER_UNAVAILABLE),
        ("EndpointConnectionError", Reason.PROVIDER_UNAVAILABLE),
        ("ConnectionClosedError", Reason.PROVIDER_UNAVAILABLE),
        ("ReadTimeoutError", Reason.PROVIDER_TIMEOUT),
        ("ValidationException", Reason.PROVIDER_REFUSED),
        ("InvalidKeyUsageException", Reason.PROVIDER_REFUSED),
        ("AlreadyExistsException", Reason.KEY_EXISTS),
    ],
)
def test_codes(code: str, reason: Reason) -> None:
    assert reason_of(Told(code, status=400 if code.endswith("Exception") else 0)) is reason


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (0, Reason.PROVIDER_UNAVAILABLE),
        (400, Reason.PROVIDER_REFUSED),
        (403, Reason.PROVIDER_DENIED),
        (404, Reason.PROVIDER_REFUSED),
        (429, Reason.PROVIDER_THROTTLED),
        (500, Reason.PROVIDER_UNAVAILABLE),
        (503, Reason.PROVIDER_UNAVAILABLE),
        (200, Reason.PROVIDER_UNAVAILABLE),
    ],
)
def test_unknown_codes_go_by_the_status(status: int, reason: Reason) -> None:
    assert reason_of(Told("SomethingNew", status=status)) is reason


@pytest.mark.parametrize("name", ["ML_DSA_44", "ECC_NIST_P256"])
def test_a_region_without_a_kind_of_key(name: str) -> None:
    text = f"Value '{name}' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: []"
    assert reason_of(Told("ValidationException", text, 400)) is Reason.ALGORITHM_UNSUPPORTED
    assert reason_of(Told("UnsupportedOperationException", "", 400)) is Reason.ALGORITHM_UNSUPPORTED


@pytest.mark.parametrize(
    "operation", ["Sign", "DescribeKey", "GetPublicKey", "CreateKey", "ScheduleKeyDeletion"]
)
def test_every_error_that_is_documented_for_what_we_ask_has_its_reason(operation: str) -> None:
    meant_for_others = ("CustomKeyStore", "Xks", "CloudHsm", "GrantToken", "DryRun", "Policy")
    for shape in get_session().get_service_model("kms").operation_model(operation).error_shapes:
        if not any(word in shape.name for word in meant_for_others):
            told_by_status = {reason_of(Told(shape.name, status=status)) for status in (400, 503)}
            assert len(told_by_status) == 1, f"{shape.name} has no reason"


def test_the_log_has_the_text_and_the_caller_the_code(caplog: pytest.LogCaptureFixture) -> None:
    error = failure(Told("AccessDeniedException", "User: arn:x is not authorized", 400), "kms", "Sign", ())
    assert error.message == "provider 'kms': AWS KMS answers Sign with AccessDeniedException"
    assert "User: arn:x is not authorized" in caplog.text


@pytest.mark.parametrize(
    ("code", "pause"),
    [("ThrottlingException", 1.0), ("KMSInternalException", 1.0), ("AccessDeniedException", None)],
)
def test_when_to_come_back(code: str, pause: float | None) -> None:
    assert failure(Told(code), "kms", "Sign", ()).retry_after == pause


def test_secrets_are_cut_out(caplog: pytest.LogCaptureFixture) -> None:
    text = (
        "The Canonical String for this request should have been 'POST\n/\n\nhost:kms\n"
        "X-Amz-Security-Token:IQoJb3JpZ2luX2VjEAMaCmV1\n\nhost' and the key was wJalr/bPxRfiCY"
    )
    told = Told("InvalidSignatureException", text, 400)
    error = failure(told, "kms", "Sign", ("wJalr/bPxRfiCY",))
    for secret in ("IQoJb3JpZ2luX2VjEAMaCmV1", "wJalr"):
        assert secret not in f"{caplog.text}{error!r}"
    assert "InvalidSignatureException" in error.message


def test_a_code_can_not_be_long(caplog: pytest.LogCaptureFixture) -> None:
    assert len(failure(Told("x" * 5000), "kms", "Sign", ()).message) < 200


def test_what_is_expected_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    error = expected(Told("NotFoundException", "no alias", 400), "kms", "DescribeKey")
    assert error.reason is Reason.KEY_MATERIAL_UNREADABLE
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("code", "status", "trouble"),
    [
        ("AccessDeniedException", 400, False),
        ("AccessDenied", 403, False),
        ("ThrottlingException", 400, False),
        ("NotFoundException", 400, False),
        ("DisabledException", 400, False),
        ("ExpiredTokenException", 400, True),
        ("UnrecognizedClientException", 400, True),
        ("NoCredentialsError", 0, True),
        ("ReadTimeoutError", 0, True),
        ("KMSInternalException", 500, True),
    ],
)
def test_what_one_key_or_call_is_denied_is_no_trouble_of_all(code: str, status: int, trouble: bool) -> None:
    assert is_trouble(Told(code, "", status)) is trouble
