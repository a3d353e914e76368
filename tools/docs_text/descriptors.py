"""The .proto files with their comments."""

from __future__ import annotations

import sysconfig
import tempfile
from collections.abc import Mapping
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[2]
Place = tuple[int, ...]


def files() -> list[FileDescriptorProto]:
    """Descriptors of signerd's own files, with their source."""
    sources = sorted(str(path.relative_to(ROOT / "proto")) for path in (ROOT / "proto").rglob("*.proto"))
    bundled = Path(protoc.__file__).parent / "_proto"
    includes = [f"-I{path}" for path in (ROOT / "proto", sysconfig.get_path("purelib"), bundled)]
    with tempfile.NamedTemporaryFile() as made:
        code = protoc.main(
            ["protoc", *includes, f"--descriptor_set_out={made.name}", "--include_source_info", *sources]
        )
        if code:
            raise SystemExit(code)
        return list(FileDescriptorSet.FromString(Path(made.name).read_bytes()).file)


def comments(file: FileDescriptorProto) -> Mapping[Place, str]:
    """Leading comments by place, as descriptor.proto numbers places."""
    found = file.source_code_info.location
    return {tuple(one.path): " ".join(one.leading_comments.split()) for one in found if one.leading_comments}
