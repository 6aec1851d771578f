# SPDX-License-Identifier: BSD-2-Clause
"""What a program in Python does with a token: pykcs11.py COMMAND [ARGUMENT...], the PIN in $USER_PIN."""

import os
import sys

import PyKCS11 as p11


def attributes(kind, *others):
    return [(p11.CKA_CLASS, kind), (p11.CKA_TOKEN, p11.CK_TRUE), *others]


def find(session, kind, label):
    found = session.findObjects([(p11.CKA_CLASS, kind), (p11.CKA_LABEL, label)])
    if len(found) != 1:
        sys.exit(f"{len(found)} objects {label}")
    return found[0]


def list_tokens(session, lib):
    for slot in lib.getSlotList(tokenPresent=True):
        info = lib.getTokenInfo(slot)
        print(slot, info.label.strip(), info.model.strip(), " ".join(info.flags2text()))
        print(" ".join(lib.getMechanismList(slot)))


def list_objects(session, lib):
    for each in session.findObjects():
        found = session.getAttributeValue(each, [p11.CKA_CLASS, p11.CKA_LABEL])
        print(p11.CKO[found[0]], found[1])


def generate(session, lib, label):
    names = ((p11.CKA_LABEL, label), (p11.CKA_ID, label.encode()))
    session.generateKeyPair(
        attributes(p11.CKO_PUBLIC_KEY, (p11.CKA_MODULUS_BITS, 2048),
                   (p11.CKA_PUBLIC_EXPONENT, (1, 0, 1)), *names),
        attributes(p11.CKO_PRIVATE_KEY, (p11.CKA_PRIVATE, p11.CK_TRUE), (p11.CKA_SIGN, p11.CK_TRUE), *names))


def public(session, lib, label):
    key = find(session, p11.CKO_PUBLIC_KEY, label)
    sys.stdout.buffer.write(bytes(session.getAttributeValue(key, [p11.CKA_PUBLIC_KEY_INFO])[0]))


def secrets(session, lib, label):
    key = find(session, p11.CKO_PRIVATE_KEY, label)
    wanted = [p11.CKA_PRIVATE_EXPONENT, p11.CKA_SENSITIVE, p11.CKA_PRIME_1, p11.CKA_EXTRACTABLE]
    print(session.getAttributeValue(key, wanted))


def sign(session, lib, label, mechanism):
    key = find(session, p11.CKO_PRIVATE_KEY, label)
    data = sys.stdin.buffer.read()
    signature = session.sign(key, data, p11.Mechanism(p11.CKM[mechanism], None))
    public_key = find(session, p11.CKO_PUBLIC_KEY, label)
    if not session.verify(public_key, data, signature, p11.Mechanism(p11.CKM[mechanism], None)):
        sys.exit("the token does not verify its own signature")
    sys.stdout.buffer.write(bytes(signature))


def decrypt(session, lib, label):
    key = find(session, p11.CKO_PRIVATE_KEY, label)
    clear = session.decrypt(key, sys.stdin.buffer.read(), p11.Mechanism(p11.CKM_RSA_PKCS, None))
    sys.stdout.buffer.write(bytes(clear))


def digest(session, lib):
    print(bytes(session.digest(sys.stdin.buffer.read(), p11.Mechanism(p11.CKM_SHA256, None))).hex())


def store(session, lib, label):
    session.createObject(attributes(p11.CKO_DATA, (p11.CKA_LABEL, label), (p11.CKA_PRIVATE, p11.CK_TRUE),
                                    (p11.CKA_VALUE, sys.stdin.buffer.read())))


def fetch(session, lib, label):
    found = find(session, p11.CKO_DATA, label)
    sys.stdout.buffer.write(bytes(session.getAttributeValue(found, [p11.CKA_VALUE])[0]))


def rename(session, lib, label, new):
    for each in session.findObjects([(p11.CKA_LABEL, label)]):
        session.setAttributeValue(each, [(p11.CKA_LABEL, new)])


def delete(session, lib, label):
    for each in session.findObjects([(p11.CKA_LABEL, label)]):
        session.destroyObject(each)


def set_pin(session, lib):
    session.setPin(os.environ["USER_PIN"], os.environ["NEW_PIN"])


def main(command, *arguments):
    lib = p11.PyKCS11Lib()
    lib.load(os.environ["PKCS11_TPM_MODULE"])
    slot = lib.getSlotList(tokenPresent=True)[0]
    session = lib.openSession(slot, p11.CKF_SERIAL_SESSION | p11.CKF_RW_SESSION)
    if "USER_PIN" in os.environ:
        session.login(os.environ["USER_PIN"])
    commands = {each.__name__: each for each in (list_tokens, list_objects, generate, public, secrets, sign,
                                                 decrypt, digest, store, fetch, rename, delete, set_pin)}
    commands[command](session, lib, *arguments)
    if "USER_PIN" in os.environ:
        session.logout()
    session.closeSession()


main(*sys.argv[1:])
