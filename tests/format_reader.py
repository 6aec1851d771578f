#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Reads a token's store as doc/FORMAT.md describes it, and nothing but that.

usage: format_reader.py STORE     or     format_reader.py --examples FORMAT.md STORE

Prints one line for the token and one for each object, complaints on stderr; exits with 1 if anything
is not as described. Needs no key: of private objects it sees header and lengths. With --examples it
makes STORE from the files that the description shows byte by byte, and checks the keys that it derives.
"""
import hashlib
import hmac
import json
import os
import re
import stat
import sys

MAGIC = b"pk11tpm\n"
VERSION = 1
FILE_MAX = 16777216
KIND_TOKEN, KIND_OBJECT = 1, 2
HEADER, NONCE, TAG, DIGEST = 56, 12, 16, 32
NO_ID = bytes(16)
ATTRIBUTE_OF_PROJECT = 0xD4504D00
USAGE_SIGNING, USAGE_STORAGE, USAGE_BIND, USAGE_LEGACY = 0x10, 0x11, 0x14, 0x15

CLASSES = {0: "data", 1: "certificate", 2: "public-key", 3: "private-key", 4: "secret-key"}
DATA, CERTIFICATE, PUBLIC_KEY, PRIVATE_KEY, SECRET_KEY = range(5)

ALL = {0x001: "bool", 0x002: "bool", 0x170: "bool", 0x171: "bool", 0x172: "bool", 0x000: "number",
    0x003: "bytes", 0x004: "bytes"}
KEYS = {0x100: "number", 0x166: "number", 0x40000600: "numbers", 0x10C: "bool", 0x163: "bool",
    0x110: "date", 0x111: "date", 0x102: "bytes"}
RSA = {0x101: "bytes", 0x120: "bytes", 0x122: "bytes", 0x129: "bytes"}
OF_CLASS = {
    DATA: {**ALL, 0x010: "bytes", 0x011: "bytes", 0x012: "bytes"},
    CERTIFICATE: {**ALL, 0x080: "number", 0x087: "number", 0x088: "number", 0x08C: "number", 0x086: "bool",
        0x110: "date", 0x111: "date", 0x011: "bytes", 0x081: "bytes", 0x082: "bytes", 0x089: "bytes",
        0x08A: "bytes", 0x08B: "bytes", 0x090: "bytes", 0x101: "bytes", 0x102: "bytes", 0x129: "bytes"},
    PUBLIC_KEY: {**ALL, **KEYS, **RSA, 0x121: "number", 0x086: "bool", 0x104: "bool", 0x106: "bool",
        0x10A: "bool", 0x10B: "bool"},
    PRIVATE_KEY: {**ALL, **KEYS, **RSA, 0x103: "bool", 0x105: "bool", 0x107: "bool", 0x108: "bool",
        0x109: "bool", 0x162: "bool", 0x164: "bool", 0x165: "bool", 0x202: "bool", 0x210: "bool",
        0xD4504D01: "number", 0xD4504D02: "number", 0xD4504D03: "bytes", 0xD4504D04: "bytes",
        0xD4504D05: "number"},
    SECRET_KEY: {**ALL, **KEYS, 0x161: "number", 0x086: "bool", 0x103: "bool", 0x104: "bool",
        0x105: "bool", 0x106: "bool", 0x107: "bool", 0x108: "bool", 0x10A: "bool", 0x162: "bool",
        0x164: "bool", 0x165: "bool", 0x210: "bool", 0x011: "bytes", 0x090: "bytes"},
}
(TOKEN, PRIVATE, CLASS, LABEL, UNIQUE_ID, VALUE, CHECK_VALUE, KEY_TYPE, ID, MODULUS, MODULUS_BITS, EXPONENT,
    PUBLIC_KEY_INFO, VALUE_LEN, CERTIFICATE_TYPE, DECRYPT, UNWRAP, HOME, PARENT, BLOB, AUTH, LOCAL, ORIGIN) = (
    0x001, 0x002, 0x000, 0x003, 0x004, 0x011, 0x090, 0x100, 0x102, 0x120, 0x121, 0x122,
    0x129, 0x161, 0x080, 0x105, 0x107, 0xD4504D01, 0xD4504D02, 0xD4504D03, 0xD4504D04, 0x163,
    0xD4504D05)


class Deviation(Exception):
    pass


def demand(condition, complaint):
    if not condition:
        raise Deviation(complaint)


class Bytes:
    """What is left to be read of a byte string."""

    def __init__(self, data, what):
        self.data, self.what, self.at = data, what, 0

    def take(self, count):
        demand(count <= len(self.data) - self.at, f"{self.what} ends at {len(self.data)}, within a field")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "big")

    def block(self):
        return self.take(self.number(4))

    def done(self):
        return self.at == len(self.data)

    def end(self):
        demand(self.done(), f"{len(self.data) - self.at} bytes follow the last field of {self.what}")


def hkdf(key, salt, info, size=32):
    extracted = hmac.digest(salt, key, "sha256")
    out, part = b"", b""
    while len(out) < size:
        part = hmac.digest(extracted, part + info + bytes([len(out) // 32 + 1]), "sha256")
        out += part
    return out[:size]


def check_entry(path, mode, is_type):
    entry = os.lstat(path)
    demand(is_type(entry.st_mode), "is a link or of another type")
    demand(entry.st_uid == os.geteuid(), f"belongs to user {entry.st_uid}")
    demand(stat.S_IMODE(entry.st_mode) == mode, f"has the mode {stat.S_IMODE(entry.st_mode):o}")
    demand(stat.S_ISDIR(mode | entry.st_mode) or entry.st_nlink == 1, "has a second hard link")


def read_file(path):
    check_entry(path, 0o600, stat.S_ISREG)
    with open(path, "rb") as file:
        data = file.read(FILE_MAX + 1)
    demand(len(data) <= FILE_MAX, "is larger than 16 MiB")
    return data


class File:
    """The header and the body, in clear if it is public, of a token file or an object."""

    def __init__(self, data, kind):
        self.data = data
        header = Bytes(data, "the file")
        demand(header.take(8) == MAGIC, "has another magic")
        version = header.number(2)
        demand(version == VERSION, f"is of the unknown version {version}")
        found = header.number(1)
        demand(found == kind, f"is of kind {found}")
        self.flags = header.number(1)
        demand(self.flags in ((0, 1) if kind == KIND_OBJECT else (0,)), f"has the flags {self.flags:#x}")
        self.length = header.number(4)
        self.token_id, self.id = header.take(16), header.take(16)
        self.sequence = header.number(8)
        self.private = bool(self.flags & 1)

    def body(self):
        size = HEADER + self.length + (NONCE + TAG if self.private else DIGEST)
        demand(len(self.data) == size, f"has {len(self.data)} bytes instead of {size}")
        if self.private:
            return None
        end = HEADER + self.length
        demand(hashlib.sha256(self.data[:end]).digest() == self.data[end:], "has a wrong checksum")
        return self.data[HEADER:end]


class Blob:
    """A TPM_KEY as the chip wraps it."""

    def __init__(self, data, what):
        blob = Bytes(data, what)
        blob.take(4)
        self.usage = blob.number(2)
        self.migratable = bool(blob.number(4) & 2)
        blob.take(1)
        demand(blob.number(4) == 1, f"{what} is not an RSA key")
        blob.take(4)
        self.bits = Bytes(blob.block(), what).number(4)
        blob.block()
        self.modulus = blob.block()
        demand(len(blob.block()) > 0, f"{what} has no wrapped part")
        blob.end()
        demand(len(self.modulus) * 8 == self.bits, f"{what} has a modulus of another size than it says")

    def expect(self, what, usages, migratable):
        demand(self.usage in usages, f"{what} has the usage {self.usage:#x}")
        demand(self.migratable == migratable, f"{what} is{'' if self.migratable else ' not'} migratable")


def check_token_key(data, what, usage):
    blob = Blob(data, what)
    blob.expect(what, (usage,), False)
    demand(blob.bits == 2048, f"{what} has {blob.bits} bits")


def read_role(body, name):
    has_key = body.number(1)
    demand(has_key in (0, 1), f"the {name}'s record begins with {has_key}")
    if not has_key:
        return False
    body.take(16)
    iterations = body.number(4)
    demand(1000 <= iterations <= 10000000, f"the {name}'s PIN has {iterations} iterations")
    uuid = body.take(16)
    demand(uuid[6] >> 4 == 4 and uuid[8] >> 6 == 2, f"the {name}'s UUID is not of version 4")
    check_token_key(body.block(), f"the {name}'s blob", USAGE_BIND)
    demand(len(body.block()) == 256, f"the {name}'s bound secret does not have 256 bytes")
    body.take(32)
    return True


class Token:
    def __init__(self, data):
        file = File(data, KIND_TOKEN)
        self.id, self.replaced, self.sequence = file.token_id, file.id, file.sequence
        demand(self.id not in (NO_ID, self.replaced), "has no token id of its own")
        demand(self.sequence > 0, "has the sequence 0")
        body = Bytes(file.body(), "the body")
        self.label = body.take(32)
        demand(self.label and b"\0" not in self.label, "has a label that is not padded with blanks")
        self.serial = body.take(16)
        demand(re.fullmatch(rb"[0-9a-f]{16}", self.serial), "has a serial of other characters")
        body.take(4)
        self.chip = tuple(body.take(4))
        self.so, self.user = read_role(body, "SO"), read_role(body, "user")
        so_copy = body.block()
        demand(len(so_copy) in ((0, 256) if self.so and self.user else (0,)),
            f"so_copy has {len(so_copy)} bytes")
        self.so_copy = bool(so_copy)
        master_check = body.take(32)
        demand((master_check != bytes(32)) == self.user, "master_check and the user's key do not fit")
        parent = body.block()
        if parent:
            check_token_key(parent, "import_parent", USAGE_STORAGE)
        self.import_parent = bool(parent)
        dropped = len(body.block())
        demand(dropped % 16 == 0, f"dropped has {dropped} bytes")
        body.end()

    def line(self):
        yes = ("no", "yes")
        label = self.label.decode("utf-8", "backslashreplace").rstrip(" ")
        return (f"token {self.id.hex()} label={json.dumps(label, ensure_ascii=False)}"
            f" serial={self.serial.decode()} chip={self.chip[0]}.{self.chip[1]}"
            f" sequence={self.sequence} so-key={yes[self.so]} user-key={yes[self.user]}"
            f" so-copy={yes[self.so_copy]} import-parent={yes[self.import_parent]}")


def read_attributes(body):
    attributes, data = {}, Bytes(body, "the body")
    while not data.done():
        number = data.number(4)
        demand(number not in attributes, f"has the attribute {number:#x} twice")
        attributes[number] = data.block()
    return attributes


def check_kind(number, kind, value):
    good = {
        "bool": value in (b"\0", b"\1"),
        "number": len(value) == 8,
        "numbers": len(value) % 8 == 0,
        "date": re.fullmatch(rb"([0-9]{8})?", value) is not None,
        "bytes": True,
    }[kind]
    demand(good, f"has the attribute {number:#x} not as a {kind}: {value.hex()}")


def der(tag, content):
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def der_number(value):
    return der(2, b"\0" + value if value[0] & 0x80 else value)


def public_key_info(modulus, exponent):
    key = der(0x30, der_number(modulus) + der_number(exponent))
    rsa_encryption = bytes.fromhex("06092a864886f70d0101010500")
    return der(0x30, der(0x30, rsa_encryption) + der(3, b"\0" + key))


class Object:
    def __init__(self, file):
        self.file = file
        self.attributes = read_attributes(file.body())
        self.object_class = self.number(CLASS)
        self.check_attributes()
        demand(self.attributes[TOKEN] == b"\1", "is a session object")
        demand(self.attributes[PRIVATE] == bytes([file.flags]), "has another CKA_PRIVATE than its flags")
        if self.object_class in CLASSES:
            self.check_class()

    def number(self, attribute):
        demand(attribute in self.attributes, f"has no attribute {attribute:#x}")
        return int.from_bytes(self.attributes[attribute], "big")

    def check_attributes(self):
        kinds = OF_CLASS.get(self.object_class, ALL)
        for number, kind in kinds.items():
            demand(number in self.attributes, f"has no attribute {number:#x}")
            check_kind(number, kind, self.attributes[number])
        for number in self.attributes:
            demand(number in kinds or number & 0xFFFFFF00 != ATTRIBUTE_OF_PROJECT,
                f"has the attribute {number:#x}, which version 1 does not know")

    def check_class(self):
        value = self.attributes
        demand(re.fullmatch(rb"[0-9a-f]{32}", value[UNIQUE_ID]), "has a CKA_UNIQUE_ID of another form")
        if value.get(CHECK_VALUE):
            demand(value[CHECK_VALUE] == hashlib.sha1(value[VALUE]).digest()[:3],
                "has a wrong CKA_CHECK_VALUE")
        if self.object_class == CERTIFICATE:
            demand(self.number(CERTIFICATE_TYPE) == 0, "is not an X.509 certificate")
        if self.object_class == SECRET_KEY:
            demand(self.number(KEY_TYPE) == 0x10, "is not a generic secret")
            demand(self.number(VALUE_LEN) == len(value[VALUE]), "has a wrong CKA_VALUE_LEN")
        if self.object_class in (PUBLIC_KEY, PRIVATE_KEY):
            self.check_rsa()
        if self.object_class == PRIVATE_KEY:
            self.check_wrapped()

    def check_rsa(self):
        modulus, exponent = self.attributes[MODULUS], self.attributes[EXPONENT]
        demand(self.number(KEY_TYPE) == 0, "is not an RSA key")
        demand(modulus and modulus[0] and exponent and exponent[0], "has leading zeros in its numbers")
        demand(self.attributes[PUBLIC_KEY_INFO] == public_key_info(modulus, exponent),
            "has another CKA_PUBLIC_KEY_INFO than its numbers")
        if self.object_class == PUBLIC_KEY:
            bits = int.from_bytes(modulus, "big").bit_length()
            demand(self.number(MODULUS_BITS) == bits, "has a wrong CKA_MODULUS_BITS")

    def check_wrapped(self):
        local = self.number(LOCAL) == 1
        decrypts = self.number(DECRYPT) == 1 or self.number(UNWRAP) == 1
        blob = Blob(self.attributes[BLOB], "its blob")
        demand(self.number(HOME) == 1, f"has the home {self.number(HOME)}")
        origin = self.number(ORIGIN) if ORIGIN in self.attributes else 1 if local else 3
        demand(origin in ((1, 2) if local else (3,)), f"has the origin {origin}")
        demand(self.number(PARENT) == (0 if origin == 1 else 1), f"has the parent {self.number(PARENT)}")
        demand(len(self.attributes[AUTH]) == 20, "has an auth that is not of 20 bytes")
        blob.expect("its blob", (USAGE_LEGACY if decrypts or not local else USAGE_SIGNING,), origin != 1)
        demand(blob.modulus == self.attributes[MODULUS], "has another modulus than its blob")

    def line(self):
        name = CLASSES.get(self.object_class, f"class-{self.object_class:#x}")
        label = json.dumps(self.attributes[LABEL].decode("utf-8", "backslashreplace"), ensure_ascii=False)
        value = self.attributes.get(VALUE, self.attributes.get(PUBLIC_KEY_INFO, b""))
        return (f"object {self.file.id.hex()} public {name} label={label}"
            f" id={self.attributes.get(ID, b'').hex()} file={len(self.file.data)}"
            f" body={self.file.length} attributes={len(self.attributes)}"
            f" value={len(value)} sha256={hashlib.sha256(value).hexdigest()}")


def read_object(name, data, token):
    file = File(data, KIND_OBJECT)
    demand(file.id.hex() == name, f"says that it is {file.id.hex()}")
    demand(file.sequence == 0, f"has the sequence {file.sequence}")
    if token.replaced not in (NO_ID, token.id) and file.token_id == token.replaced:
        return f"object {name} of the replaced token"
    demand(file.token_id == token.id, f"is of the token {file.token_id.hex()}")
    if file.private:
        file.body()
        return f"object {name} private file={len(data)} body={file.length}"
    return Object(file).line()


class Store:
    def __init__(self, directory):
        self.directory, self.complaints = directory, 0

    def attempt(self, name, step, *arguments):
        try:
            return step(*arguments)
        except Deviation as deviation:
            complaint = str(deviation)
        except OSError as error:
            complaint = f"cannot be read: {error.strerror}"
        self.complaints += 1
        print(f"{name}: {complaint}", file=sys.stderr)
        return None

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def read_token(self):
        def whole(name):
            data = read_file(self.path(name))
            return data, Token(data)

        first = self.attempt("token", whole, "token")
        second = self.attempt("token.2", whole, "token.2")
        if first and second and first[0] != second[0]:
            self.complaints += 1
            print("token.2: is not a copy of token", file=sys.stderr)
        return (first or second or (None, None))[1]

    def read_small(self, name, check):
        if os.path.lexists(self.path(name)):
            self.attempt(name, lambda: check(read_file(self.path(name))))

    def read_objects(self, token):
        directory = self.path("objects")
        if not os.path.lexists(directory):
            return
        self.attempt("objects", check_entry, directory, 0o700, stat.S_ISDIR)
        for name in sorted(os.listdir(directory)):
            if re.fullmatch(r"[0-9a-f]{32}", name):
                line = self.attempt(f"objects/{name}", lambda: read_object(
                    name, read_file(os.path.join(directory, name)), token))
                if line:
                    print(line)

    def read(self):
        self.attempt(".", check_entry, self.directory, 0o700, stat.S_ISDIR)
        token = self.read_token()
        if token:
            print(token.line())
            self.read_objects(token)
        for name in ("lock", "lock.pin"):
            self.read_small(name, lambda data: demand(not data, "is not empty"))
        self.read_small("note", lambda data: demand(all(byte <= 2 for byte in data[:2]),
            f"is {data[:2].hex()}"))
        self.read_small("generation", lambda data: None)
        return self.complaints == 0


def shown_file(text, title):
    """The bytes of the dump that follows the title: lines of offset, bytes, and what they mean."""
    data = b""
    for line in text[text.index(title):].splitlines()[1:]:
        row = re.match(r" {4}([0-9a-f]{2})  ((?:[0-9a-f]{2} {1,2})*[0-9a-f]{2})(?: .*)?$", line)
        if row:
            demand(int(row[1], 16) == len(data), f"the example says {row[1]} at {len(data):x}")
            data += bytes.fromhex(row[2])
        elif data:
            return data
    return data


def make_examples(text, directory):
    objects = os.path.join(directory, "objects")
    os.mkdir(directory, 0o700)
    os.mkdir(objects, 0o700)
    title, name = re.search(r"(`objects/([0-9a-f]{32})`, public)", text).groups()
    token = shown_file(text, "`token` of the same token")
    files = {"token": token, "token.2": token, os.path.join("objects", name): shown_file(text, title)}
    for file_name, data in files.items():
        with open(os.open(os.path.join(directory, file_name), os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(data)
    derived = {"object key": b"pkcs11_tpm private objects", "master check": b"pkcs11_tpm master key check"}
    for what, info in derived.items():
        shown = re.search(what + r" += ([0-9a-f]{64})\n", text)[1]
        demand(hkdf(bytes(range(32)), token[16:32], info).hex() == shown, f"another {what} is shown")


def main(arguments):
    if len(arguments) == 3 and arguments[0] == "--examples":
        with open(arguments[1], encoding="utf-8") as document:
            make_examples(document.read(), arguments[2])
    elif len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    return 0 if Store(arguments[-1]).read() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
