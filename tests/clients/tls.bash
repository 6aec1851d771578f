# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154
# What the tests of TLS programs share: configuration of OpenSSL, certificates, a server that asks for one.

# How the programs of OpenSSL are told that a key, or a CA's key, is in the token.
key_options=(-engine pkcs11 -keyform engine)
ca_options=(-engine pkcs11 -CAkeyform engine)
provider=

engine_needed()
{
	openssl engine pkcs11 >/dev/null 2>&1 ||
		client_skip 'OpenSSL has no engine pkcs11 (package libengine-pkcs11-openssl)'
}

# As doc/CLIENTS.md prints them. token.cnf leaves OpenSSL to offer what it likes, token-tls12.cnf does not,
# plain.cnf knows nothing of the token.
configs_make()
{
	printf '[req]\ndistinguished_name = name\n[name]\n' >"$place/plain.cnf"
	if [[ -n $provider ]]; then
		provider_lines
	else
		engine_lines
	fi | cat - "$place/plain.cnf" >"$place/token.cnf"
	sed 's/^\[start\]/&\nssl_conf = tls/' "$place/token.cnf" | cat - <(tls12_lines) >"$place/token-tls12.cnf"
}

engine_lines()
{
	cat <<-END
		openssl_conf = start
		[start]
		engines = engines
		[engines]
		pkcs11 = engine
		[engine]
		engine_id = pkcs11
		MODULE_PATH = $module
		init = 0
	END
}

provider_lines()
{
	cat <<-END
		openssl_conf = start
		[start]
		providers = providers
		[providers]
		default = software
		pkcs11 = token
		[software]
		activate = 1
		[token]
		module = $provider
		pkcs11-module-path = $module
		activate = 1
	END
}

tls12_lines()
{
	cat <<-END
		[tls]
		system_default = tls12
		[tls12]
		MaxProtocol = TLSv1.2
		SignatureAlgorithms = RSA+SHA256:RSA+SHA384:RSA+SHA512:ECDSA+SHA256:ECDSA+SHA384
		ClientSignatureAlgorithms = RSA+SHA256:RSA+SHA384:RSA+SHA512
	END
}

plain() # openssl, which knows nothing of the token
{
	OPENSSL_CONF=$place/plain.cnf openssl "$@"
}

key_url() # label, file with the PIN
{
	echo "pkcs11:token=client;object=$1;type=private?pin-source=file:${2-$place/pin}"
}

certificate_url() # label
{
	echo "pkcs11:token=client;object=$1;type=cert"
}

fail_setup() # log
{
	echo "Bail out! The certificates could not be made."
	sed 's/^/# /' "$1"
	exit 1
}

# ca.pem signs; server.pem and server.key are in software, for localhost.
authority_make()
{
	{
		plain req -x509 -newkey rsa:2048 -nodes -keyout "$place/ca.key" -out "$place/ca.pem" \
			-subj '/CN=client CA' -addext basicConstraints=critical,CA:TRUE &&
			plain req -new -newkey rsa:2048 -nodes -keyout "$place/server.key" -out "$place/server.csr" \
				-subj /CN=localhost && certificate_issue "$place/server"
	} >"$place/ca.log" 2>&1 || fail_setup "$place/ca.log"
}

# NAME.csr becomes NAME.pem, good for localhost and for a client.
certificate_issue() # name
{
	plain x509 -req -in "$1.csr" -CA "$place/ca.pem" -CAkey "$place/ca.key" -CAcreateserial -days 2 \
		-extfile <(echo subjectAltName=DNS:localhost,IP:127.0.0.1) -out "$1.pem"
}

# A certificate of the CA for a key in the token.
certificate_make() # label of the key, name
{
	{
		OPENSSL_CONF=$place/token.cnf openssl req -new "${key_options[@]}" \
			-key "$(key_url "$1")" -subj "/CN=$2" -out "$place/$1.csr" && certificate_issue "$place/$1"
	} >"$place/ca.log" 2>&1 </dev/null || fail_setup "$place/ca.log"
}

certificate_store() # id, label of the key: its certificate goes into the token
{
	{
		plain x509 -in "$place/$2.pem" -outform DER -out "$place/$2.der" &&
			tool --login --pin env:USER_PIN --write-object "$place/$2.der" --type cert --id "$1" --label "$2"
	} >"$place/ca.log" 2>&1 </dev/null || fail_setup "$place/ca.log"
}

# All that a TLS test begins with: configurations, PIN in a file, token "client" with these keys.
tls_begin() # names of keys
{
	configs_make
	printf '%s' "$user_pin" >"$place/pin"
	authority_make
	token_make client "$@"
}

# An openssl server, its own key in software, that lets in only who shows a certificate of the CA. What it
# answers tells whom it has seen.
verifier_start() # sets $port and $verifier
{
	port=$(free_port) || exit
	OPENSSL_CONF=$place/plain.cnf spawn "$place/verifier.log" openssl s_server -accept "127.0.0.1:$port" \
		-cert "$place/server.pem" -key "$place/server.key" -CAfile "$place/ca.pem" \
		-Verify 1 -verify_return_error -www
	verifier=$!
	await listens "$port"
}
