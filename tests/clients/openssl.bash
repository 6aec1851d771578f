# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2154
# What OpenSSL does with keys of the token: requests, certificates, signatures, TLS. The caller says how it
# gets at them: key_options and ca_options, token.cnf, and how it tells of three failures: no_pss, no_pin, no_tcsd.

public_halves()
{
	public_key 01 "$place/first.pub" && public_key 02 "$place/second.pub"
}

# The public half of what the token made must be in what openssl wrote.
same_key() # kind of file: req or x509; file; label
{
	plain "$1" -in "$2" -noout -pubkey | cmp -s - "$place/$3.pub" || echo "$2 has another public key"
}

requests_certificate()
{
	run openssl req -new "${key_options[@]}" -key "$(key_url first)" -subj /CN=alice -out "$place/first.csr"
	report 'req -new writes a request' "$(complaint '')"
	output+=$(plain req -in "$place/first.csr" -noout -verify -subject 2>&1)
	report 'the request is signed by its key' "$(complaint 'verify OK')$(complaint 'CN ?= ?alice')$(
		same_key req "$place/first.csr" first)"
	output=$(certificate_issue "$place/first" 2>&1)
	status=$?
	report 'a CA makes it a certificate' "$(complaint '')$(same_key x509 "$place/first.pem" first)"
}

issues_certificates()
{
	local hash

	for hash in sha256 sha512; do
		run openssl req -x509 "${key_options[@]}" -key "$(key_url second)" -subj /CN=self -"$hash" -days 2 \
			-addext basicConstraints=critical,CA:TRUE -out "$place/second.pem"
		output+=$(plain verify -CAfile "$place/second.pem" "$place/second.pem" 2>&1)
		report "req -x509 -$hash" "$(complaint 'second.pem: OK')$(same_key x509 "$place/second.pem" second)"
	done
	run openssl x509 -req -in "$place/first.csr" "${ca_options[@]}" -CA "$place/second.pem" \
		-CAkey "$(key_url second)" -set_serial 1 -out "$place/issued.pem"
	output+=$(plain verify -CAfile "$place/second.pem" "$place/issued.pem" 2>&1)
	report 'x509 -req with the key of the CA in the token' "$(complaint 'issued.pem: OK')"
}

signs() # hash
{
	run openssl dgst "-$1" "${key_options[@]}" -sign "$(key_url first)" -out "$place/signature" "$place/text"
	output+=$(plain dgst "-$1" -verify "$place/first.pub" -signature "$place/signature" "$place/text" 2>&1)
	report "dgst -$1 -sign" "$(complaint 'Verified OK')"
}

messages()
{
	run openssl cms -sign "${key_options[@]}" -inkey "$(key_url first)" -signer "$place/first.pem" \
		-in "$place/text" -out "$place/signed"
	output+=$(plain cms -verify -CAfile "$place/ca.pem" -purpose any -in "$place/signed" 2>&1)
	report 'cms -sign' "$(complaint 'CMS Verification successful')"
	plain cms -encrypt -in "$place/text" -aes256 -out "$place/sealed" "$place/first.pem"
	run openssl cms -decrypt "${key_options[@]}" -inkey "$(key_url first)" -recip "$place/first.pem" \
		-in "$place/sealed" -out "$place/opened"
	report 'cms -decrypt' "$(complaint '')$(tr -d '\r' <"$place/opened" | cmp - "$place/text" 2>&1)"
}

# What the chip cannot do is refused, and the key is good afterwards.
refuses_pss()
{
	rm -f "$place/signature"
	run openssl dgst -sha256 "${key_options[@]}" -sign "$(key_url first)" -sigopt rsa_padding_mode:pss \
		-out "$place/signature" "$place/text"
	report 'RSA-PSS is refused' "$(refusal "$no_pss")$([[ ! -s $place/signature ]] || echo 'there is a signature')"
	signs sha384
}

failed_tries()
{
	tool -L 2>&1 | grep -c 'user PIN count low'
}

wrong_pin()
{
	printf 'wrong' >"$place/wrong"
	run openssl dgst -sha256 "${key_options[@]}" -sign "$(key_url first "$place/wrong")" -out /dev/null \
		"$place/text"
	report 'a wrong PIN is refused' "$(refusal "$no_pin")$(
		(($(failed_tries) == 1)) || echo 'the token does not show a failed try')"
	signs sha256
	report 'the right one ends that' "$( (($(failed_tries) == 0)) || echo 'the token still shows a failed try')"
}

get() # command of a TLS client; asks the server for a page
{
	output=$(printf 'GET / HTTP/1.0\r\n\r\n' | timeout 30 "$@" 2>&1)
	status=$?
}

# With a certificate of the token.
member() # configuration, options
{
	get env OPENSSL_CONF="$place/$1.cnf" openssl s_client -connect "127.0.0.1:$port" -CAfile "$place/ca.pem" \
		-verify_return_error -ign_eof "${key_options[@]}" -key "$(key_url first)" -cert "$place/first.pem" \
		"${@:2}"
}

stranger() # options of a client that has no key
{
	get env OPENSSL_CONF="$place/plain.cnf" openssl s_client -connect "127.0.0.1:$port" -CAfile "$place/ca.pem" \
		-verify_return_error -ign_eof "$@"
}

kept_out()
{
	! grep -q 'Client certificate' <<<"$output" || echo 'the server gave its page'
}

client_key()
{
	verifier_start
	member token -tls1_2 -sigalgs RSA+SHA256
	report 's_client -tls1_2 -sigalgs RSA+SHA256' "$(complaint 'Subject: CN ?= ?alice')"
	member token -tls1_2 -client_sigalgs RSA+SHA256
	report 's_client -tls1_2 -client_sigalgs RSA+SHA256' "$(complaint 'Subject: CN ?= ?alice')"
	member token-tls12
	report 's_client with the lines in openssl.cnf' "$(complaint 'Subject: CN ?= ?alice')$(
		complaint 'TLSv1.2, Cipher is ECDHE-RSA')"
	member token -tls1_3
	report 's_client with TLS 1.3 fails, without hanging' "$(refusal "$no_pss")$(kept_out)"
	member token -tls1_2
	report 's_client with TLS 1.2 alone fails: it takes RSA-PSS' "$(refusal "$no_pss")$(kept_out)"
	member token -tls1_3 -client_sigalgs RSA+SHA256
	report 's_client with TLS 1.3 and without RSA-PSS has nothing to show' "$(refusal 'alert')$(kept_out)$(
		await_line "$place/verifier.log" 'peer did not return a certificate' || echo 'the server saw something')"
	server_stop "$verifier"
}

token_server() # configuration; sets $port and $server
{
	port=$(free_port) || exit
	OPENSSL_CONF=$place/$1.cnf spawn "$place/server.log" openssl s_server -accept "127.0.0.1:$port" \
		"${key_options[@]}" -key "$(key_url first)" -cert "$place/first.pem" -www
	server=$!
	await listens "$port"
}

server_key()
{
	token_server token-tls12
	stranger
	report 's_server with the lines in openssl.cnf' "$(complaint 'Peer signature type: (RSA|rsa_pkcs1_sha256)$')$(
		complaint 'TLSv1.2, Cipher is ECDHE-RSA')"
	stranger -tls1_3
	report 's_server limited to TLS 1.2 refuses TLS 1.3' "$(refusal 'alert protocol version')"
	server_stop "$server"
	output=$(<"$place/server.log")
	report 's_server shows nothing of the module' "$(status=0 complaint '')"
	token_server token
	stranger -tls1_3
	report 's_server without them fails under TLS 1.3' "$(refusal 'alert internal error')"
	stranger -tls1_2
	report 's_server without them fails under TLS 1.2 too' "$(refusal 'alert internal error')"
	stranger -tls1_2 -sigalgs RSA+SHA256
	report 's_server goes on, and serves a client without RSA-PSS' "$(complaint 'Peer signature type: (RSA|rsa_pkcs1_sha256)$')"
	server_stop "$server"
}

# An OpenSSL that is configured for the token and does not use it must not notice it.
without_tcsd()
{
	"$WITH_SWTPM_CTL" stop-tcsd
	run openssl dgst -sha256 "$place/text"
	report 'without tcsd, what needs no token works' "$(complaint '^SHA2-256')$(
		(($(wc -l <<<"$output") == 1)) || echo 'there are further lines')"
	run openssl dgst -sha256 "${key_options[@]}" -sign "$(key_url first)" -out /dev/null "$place/text"
	report 'without tcsd, a key of the token is refused' "$(refusal "$no_tcsd")"
	"$WITH_SWTPM_CTL" start-tcsd
	signs sha256
}

openssl_cases()
{
	public_halves || exit
	echo 'The TPM signs this.' >"$place/text"
	export OPENSSL_CONF=$place/token.cnf
	echo 1..30
	requests_certificate
	issues_certificates
	signs sha1
	signs sha512
	messages
	refuses_pss
	wrong_pin
	client_key
	server_key
	without_tcsd
}
