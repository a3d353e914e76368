"""Objects on the token: templates of the key pairs that signerd makes, and what can be read of keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pkcs11 import Attribute, KeyType, MechanismFlag, Object, ObjectClass, PKCS11Error, Session

from signerd.providers.pkcs11.frames import Make, TokenKey

_SIGNING = MechanismFlag.SIGN | MechanismFlag.VERIFY
_PUBLIC = (
    Attribute.EC_PARAMS,
    Attribute.EC_POINT,
    Attribute.MODULUS,
    Attribute.PUBLIC_EXPONENT,
    Attribute.VALUE,
)
_KEPT = (Attribute.EC_PARAMS, Attribute.EC_POINT, Attribute.MODULUS, Attribute.PUBLIC_EXPONENT)
# What the binding says for keys that are made; those taken in would get all that a token allows.
_SIGNS = {Attribute.SIGN: True, Attribute.DECRYPT: False, Attribute.UNWRAP: False, Attribute.DERIVE: False}
_VERIFIES = {Attribute.VERIFY: True, Attribute.ENCRYPT: False, Attribute.WRAP: False}

Template = dict[Attribute, object]


def generate(session: Session, order: Make) -> None:
    """Make a key pair on the token that can't be taken out."""
    kind, public = KeyType[order.key_type], _public_template(order)
    if order.parameters:
        name = Attribute.PARAMETER_SET if kind is KeyType.ML_DSA else Attribute.EC_PARAMS
        public[name] = int(order.parameters) if name is Attribute.PARAMETER_SET else order.parameters
    session.generate_keypair(
        kind,
        order.size or None,
        capabilities=_SIGNING,
        public_template=public,
        private_template=_private_template(order),
    )


def store(session: Session, order: Make) -> None:
    """Put a key pair onto the token; the public half first, so that a crash leaves no private key that nobody sees."""
    kind = KeyType[order.key_type]
    for leftover in session.get_objects({Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.ID: order.id}):
        leftover.destroy()
    given = {Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.KEY_TYPE: kind, **_VERIFIES}
    public = session.create_object(given | _public_template(order) | _named(order.public))
    given = {Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.KEY_TYPE: kind, **_SIGNS}
    try:
        session.create_object(given | _private_template(order) | _named(order.private))
    except PKCS11Error:
        public.destroy()
        raise


def _public_template(order: Make) -> Template:
    return {
        Attribute.TOKEN: True,
        Attribute.PRIVATE: False,
        Attribute.LABEL: order.label,
        Attribute.ID: order.id,
    }


def _private_template(order: Make) -> Template:
    return {
        **_public_template(order),
        Attribute.PRIVATE: True,
        Attribute.SENSITIVE: True,
        Attribute.EXTRACTABLE: False,
    }


def _named(given: Mapping[str, bytes]) -> Template:
    return {Attribute[name]: value for name, value in given.items()}


def destroy(session: Session, private: Object) -> None:
    """Destroy a private key, then the public keys of its id and label."""
    label, wanted = private[Attribute.LABEL], {Attribute.ID: private[Attribute.ID]}
    private.destroy()
    for public in list(session.get_objects({Attribute.CLASS: ObjectClass.PUBLIC_KEY, **wanted})):
        if public[Attribute.LABEL] == label:
            public.destroy()


def asks_each_time(key: Object) -> bool:
    """Whether the key wants the PIN for each signature: the module would refuse it, and look as if it had failed."""
    try:
        return bool(key[Attribute.ALWAYS_AUTHENTICATE])
    except PKCS11Error:
        return False


def describe(session: Session, keys: Iterable[Object]) -> list[TokenKey]:
    """What is known of private keys; the search for public halves is made once for all of them."""
    keys = list(keys)
    wanted: Template = {}
    if len(keys) == 1:
        wanted = {Attribute.ID: keys[0][Attribute.ID]}
    public = _by_identity(session, wanted | {Attribute.CLASS: ObjectClass.PUBLIC_KEY})
    certificates = _by_identity(session, wanted | {Attribute.CLASS: ObjectClass.CERTIFICATE})
    return [_described(key, public, certificates) for key in keys]


def _by_identity(session: Session, wanted: Template) -> dict[tuple[bytes, str], Object]:
    """Objects by id and label, and by id alone: certificates often have a label of their own."""
    found: dict[tuple[bytes, str], Object] = {}
    for one in session.get_objects(wanted):
        identity = _read(one, (Attribute.ID, Attribute.LABEL))
        id_, label = identity.get("ID", b""), identity.get("LABEL", b"").decode(errors="replace")
        found.setdefault((id_, label), one)
        if id_:
            found.setdefault((id_, ""), one)
    return found


def _described(
    key: Object, public: Mapping[tuple[bytes, str], Object], certificates: Mapping[tuple[bytes, str], Object]
) -> TokenKey:
    id_, label = key[Attribute.ID], key[Attribute.LABEL]
    half = public.get((id_, label)) or public.get((id_, ""))
    shown = _read(half, _PUBLIC) if half is not None else {}
    # What the private object itself tells can't be another key's.
    shown |= _read(key, _KEPT)
    certificate = certificates.get((id_, label)) or certificates.get((id_, ""))
    body = _read(certificate, (Attribute.VALUE,)).get("VALUE", b"") if certificate is not None else b""
    return TokenKey(label, id_, _key_type(key), shown, body)


def _key_type(key: Object) -> str:
    try:
        return KeyType(key[Attribute.KEY_TYPE]).name
    except ValueError:
        return "unknown"


def _read(one: Object, names: Iterable[Attribute]) -> dict[str, bytes]:
    """Attributes that are there, by name. One by one: modules differ in what they answer for many at once."""
    found = {}
    for name in names:
        try:
            value = one[name]
        except PKCS11Error:
            continue
        if value:
            found[name.name] = value if isinstance(value, bytes) else str(value).encode()
    return found
