"""What the fake AWS KMS answers has the shape of the SDK's service model, and the fields that AWS documents."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.model import ListShape, Shape, StringShape, StructureShape
from botocore.parsers import create_parser
from botocore.validate import ParamValidator
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from signerd.core.algorithms import DEFAULT
from signerd.core.private_keys import generate, to_pkcs8
from signerd.providers.aws_kms.imports import wrap
from tests.support.servers.aws_material import Kms, dumps
from tests.support.servers.aws_model import Fields, service

VECTORS = Path(__file__).parents[4] / "tests/vectors/aws/answers.json"
DOCUMENTED: list[Fields] = json.loads(VECTORS.read_text())
NEWER = {
    "GetPublicKey": {"KeySpec"},
    "ImportKeyMaterial": {"KeyId", "KeyMaterialId"},
    "ScheduleKeyDeletion": {"KeyState", "PendingWindowInDays"},
}
"""Fields that the service model has and the example is too old for."""
SIGNS = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}
DIGEST = base64.b64encode(bytes(32)).decode()


def answers(spec: str = "ECC_NIST_P256") -> dict[str, Fields]:
    """An answer of every operation that has one, over the life of a key that was made and one that was imported."""
    kms = Kms()
    made = kms.answer("CreateKey", {**SIGNS, "KeySpec": spec, "Description": "d", "Tags": [_tag()]})
    key = {"KeyId": made["KeyMetadata"]["Arn"]}
    pqc = spec.startswith("ML_DSA")
    how = {"MessageType": "RAW" if pqc else "DIGEST"}
    signed = {"SigningAlgorithm": "ML_DSA_SHAKE_256" if pqc else "ECDSA_SHA_256", "Message": DIGEST, **how}
    empty = kms.answer("CreateKey", {**SIGNS, "Origin": "EXTERNAL"})
    given = {"KeyId": empty["KeyMetadata"]["KeyId"]}
    how_wrapped = {"WrappingAlgorithm": "RSA_AES_KEY_WRAP_SHA_256", "WrappingKeySpec": "RSA_4096"}
    parameters = kms.answer("GetParametersForImport", {**given, **how_wrapped})
    wrapped = wrap(to_pkcs8(generate(DEFAULT)), base64.b64decode(parameters["PublicKey"]))
    material = {"EncryptedKeyMaterial": base64.b64encode(wrapped).decode()}
    return {
        "CreateKey": made,
        "CreateKey external": empty,
        "DescribeKey": kms.answer("DescribeKey", key),
        "GetPublicKey": kms.answer("GetPublicKey", key),
        "Sign": kms.answer("Sign", {**key, **signed}),
        "ListKeys": kms.answer("ListKeys", {}),
        "ListResourceTags": kms.answer("ListResourceTags", key),
        "GetParametersForImport": parameters,
        "ImportKeyMaterial": kms.answer(
            "ImportKeyMaterial", {**given, **material, "ImportToken": parameters["ImportToken"]}
        ),
        "ScheduleKeyDeletion": kms.answer("ScheduleKeyDeletion", key),
        "DescribeKey later": kms.answer("DescribeKey", key),
    }


def _tag() -> Fields:
    return {"TagKey": "k", "TagValue": "v"}


def shape_of(operation: str) -> StructureShape:
    shape = service().operation_model(operation.split(maxsplit=1)[0]).output_shape
    assert isinstance(shape, StructureShape)
    return shape


def strangers(shape: Shape, value: Any, path: str = "") -> list[str]:
    """Fields that the model does not have, and values that are not of their enumeration."""
    if isinstance(shape, StructureShape):
        unknown = [f"{path}.{name}" for name in value.keys() - shape.members.keys()]
        known = [
            (shape.members[name], one, f"{path}.{name}")
            for name, one in value.items()
            if name in shape.members
        ]
        return [*unknown, *(found for one in known for found in strangers(*one))]
    if isinstance(shape, ListShape):
        return [found for one in value for found in strangers(shape.member, one, f"{path}[]")]
    if isinstance(shape, StringShape) and shape.enum and value not in shape.enum:
        return [f"{path}={value}"]
    return []


def complaints(operation: str, answer: Fields) -> list[str]:
    """What is wrong with an answer by the service model: strangers, and what the SDK reads as of another type."""
    shape = shape_of(operation)
    raw = {"body": dumps(answer), "headers": {}, "status_code": 200}
    read = create_parser("json").parse(raw, shape)
    read.pop("ResponseMetadata")
    report = ParamValidator().validate(read, shape).generate_report()
    lost = [name for name in answer if name not in read]
    return [*strangers(shape, answer), *([report] if report else []), *lost]


@pytest.mark.parametrize("spec", ["ECC_NIST_P256", "ML_DSA_44"])
def test_every_answer_is_as_the_service_model_has_it(spec: str) -> None:
    assert {
        name: complaints(name, answer) for name, answer in answers(spec).items() if complaints(name, answer)
    } == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [("Stranger", 1), ("KeyUsage", "SING"), ("SigningAlgorithms", ["ECDSA_SHA_257"]), ("KeyId", 7)],
)
def test_a_wrong_answer_would_be_told(name: str, value: object) -> None:
    answer = answers()["GetPublicKey"]
    assert complaints("GetPublicKey", answer) == []
    assert complaints("GetPublicKey", {**answer, name: value})


@pytest.mark.parametrize("example", DOCUMENTED, ids=lambda one: str(one["id"]))
def test_the_fields_are_those_that_aws_documents(example: Fields) -> None:
    operation, given = example["operation"], example["output"]
    name = "CreateKey external" if example["input"].get("Origin") == "EXTERNAL" else operation
    answer = answers()[name]
    expected = given.keys() | NEWER.get(operation, set())
    if operation == "GetPublicKey":  # the example is one of a key that encrypts
        expected = (expected - {"EncryptionAlgorithms"}) | {"SigningAlgorithms"}
    assert answer.keys() == expected
    if "KeyMetadata" in given:
        documented = given["KeyMetadata"].keys()
        if name == "CreateKey external":  # of one that encrypts, again
            documented = (documented - {"EncryptionAlgorithms"}) | {"SigningAlgorithms"}
        assert answer["KeyMetadata"].keys() == documented


@pytest.mark.parametrize("example", DOCUMENTED, ids=lambda one: str(one["id"]))
def test_what_aws_documents_is_in_the_service_model(example: Fields) -> None:
    assert strangers(shape_of(example["operation"]), example["output"]) == []


def test_documented_values_are_those_of_the_fake() -> None:
    """The same CreateKey gives what the example gives, but for ids and times."""
    example = next(one for one in DOCUMENTED if one["input"].get("KeySpec") == "ECC_NIST_P521")
    answer = Kms().answer("CreateKey", example["input"])["KeyMetadata"]
    own = {"Arn", "KeyId", "CreationDate"}
    expected = example["output"]["KeyMetadata"]
    assert {n: v for n, v in answer.items() if n not in own} == {
        n: v for n, v in expected.items() if n not in own
    }


def test_the_public_key_is_one_of_the_spec() -> None:
    key = load_der_public_key(base64.b64decode(answers()["GetPublicKey"]["PublicKey"]))
    assert isinstance(key, ec.EllipticCurvePublicKey)
