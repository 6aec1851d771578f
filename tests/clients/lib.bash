# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What the client tests share: a place of their own, a token, results in TAP, servers that end with them.
# shellcheck disable=SC2034 # some of it is only used there

so_pin='so-pin-4711'
user_pin='user-pin-0815'
number=0
failed=0
servers=()
output=
status=0

# name of the client, then PROGRAM:PACKAGE of each program that the test cannot do without. Runs the script
# again beside a software TPM. $home is the test's own home, $module what it is to load, which stands in
# a directory that everybody can enter, as an installed one does.
client_begin()
{
	local need

	client=$1
	shift
	PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
	[[ -z ${TESTS_QUICK-} ]] || client_skip 'needs a software TPM, and TESTS_QUICK is set'
	for need; do
		command -v "${need%:*}" >/dev/null ||
			client_skip "${need%:*} is not installed (package ${need#*:})"
	done
	[[ -n ${WITH_SWTPM_DIR-} ]] || exec "${WITH_SWTPM:?}" "$0"
	trap client_end EXIT
	trap 'exit 1' HUP INT TERM
	place=$(mktemp -d /tmp/pkcs11_tpm-client.XXXXXXXX) && cd "$place" || exit
	chmod 711 "$place"
	home=$place/home module=$place/lib/pkcs11/pkcs11_tpm.so
	mkdir "$home" && install -D -m 755 "${PKCS11_TPM_MODULE:?}" "$module" || exit
	built=${PKCS11_TPM_MODULE%/.libs/*}
	unset "${!XDG_@}" "${!SSH_@}" "${!P11_KIT_@}" "${!GNUTLS_@}" PKCS11_TPM_LOG DISPLAY
	export HOME=$home PKCS11_TPM_DIR=$place/token TSS_USER_PS_FILE=$place/user.data
	export SO_PIN=$so_pin USER_PIN=$user_pin PKCS11_TPM_MODULE=$module LC_ALL=C.UTF-8
	umask 077
}

client_skip() # reason
{
	echo "1..0 # SKIP $1"
	exit 0
}

client_end()
{
	local server

	for server in "${servers[@]}"; do
		kill "$server" 2>/dev/null
	done
	wait 2>/dev/null
	cd / && rm -rf "${place:?}"
}

# --- results ---

run() # command
{
	output=$(timeout 60 "${user[@]}" "$@" 2>&1 </dev/null)
	status=$?
}

report() # name, complaint or nothing
{
	((++number))
	if [[ -z $2 ]]; then
		echo "ok $number - $client: $1"
	else
		failed=1
		echo "not ok $number - $client: $1"
		printf '%s\n' "$2" "$output" | sed 's/^/# /'
	fi
}

skip() # name, reason
{
	echo "ok $((++number)) - $client: $1 # SKIP $2"
}

# A pattern that the output must show, and one that it must not. The module itself stays silent.
complaint()
{
	((status == 0)) || echo "the exit status is $status"
	[[ -z $1 ]] || grep -qE -- "$1" <<<"$output" || echo "the output does not show \"$1\""
	[[ -z ${2-} ]] || ! grep -qE -- "$2" <<<"$output" || echo "the output shows \"$2\""
	! grep -qE '^pkcs11_tpm: [a-z]+: ' <<<"$output" || echo 'the module writes to the terminal'
}

refusal() # a pattern that the output must show
{
	((status != 0 && status != 124)) || echo "the exit status is $status"
	grep -qE -- "$1" <<<"$output" || echo "the output does not show \"$1\""
	! grep -qE '^pkcs11_tpm: [a-z]+: ' <<<"$output" || echo 'the module writes to the terminal'
}

quoted() # text: a pattern for nothing but it
{
	printf '%s\n' "$1" | sed 's/[][().*+?{}|^$\\]/\\&/g'
}

# --- the token ---

tool() # options of pkcs11-tool
{
	"${user[@]}" pkcs11-tool --module "$module" "$@"
}

# p11-kit reads nothing from the home of root: from here on, "${user[@]}" before a command makes it that of
# an unprivileged user, to whom the home and the token belong.
user=()
user_become()
{
	((EUID == 0)) || return 0
	user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	chown -R 65534:65534 "$place"
}

# A token of that label, and for each further NAME a pair of 2048 bits with the ids 01, 02...
token_make() # label, names of keys
{
	local name id=0

	{
		tool --init-token --slot-index 0 --label "$1" --so-pin env:SO_PIN &&
			tool --login --pin 12345678 --change-pin --new-pin "$user_pin"
	} >"$place/make.log" 2>&1 </dev/null || token_fail
	shift
	for name; do
		tool --login --pin env:USER_PIN --keypairgen --key-type rsa:2048 \
			--id "0$((++id))" --label "$name" >"$place/make.log" 2>&1 </dev/null || token_fail
	done
}

token_fail()
{
	echo 'Bail out! The token could not be made.'
	sed 's/^/# /' "$place/make.log"
	exit 1
}

public_key() # id, file: the public half in PEM
{
	tool --read-object --type pubkey --id "$1" --output-file "$2.der" >/dev/null 2>&1 </dev/null &&
		openssl pkey -pubin -inform DER -in "$2.der" -out "$2"
}

# --- servers ---

spawn() # log, command
{
	"${@:2}" >"$1" 2>&1 </dev/null &
	servers+=($!)
}

# Its number is soon another process's.
server_forget() # process
{
	local each kept=()

	for each in "${servers[@]}"; do
		[[ $each == "$1" ]] || kept+=("$each")
	done
	servers=("${kept[@]}")
}

server_stop() # process
{
	kill "$1" 2>/dev/null
	wait "$1" 2>/dev/null
	server_forget "$1"
}

listens() # port
{
	(: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Below the ports that the system gives to clients, and above those of with-swtpm.
free_port()
{
	local port

	for _ in {1..50}; do
		port=$((26000 + RANDOM % 6000))
		listens "$port" || { echo "$port" && return; }
	done
	return 1
}

other_port() # than this one
{
	local port

	for _ in {1..5}; do
		port=$(free_port) && [[ $port != "$1" ]] && echo "$port" && return
	done
	return 1
}

await() # command that succeeds in the end
{
	local tick

	for ((tick = 0; tick < 1000; tick++)); do
		"$@" && return
		sleep 0.02
	done
	return 1
}

await_line() # file, pattern
{
	await grep -qsE -- "$2" "$1"
}

# The file alone proves nothing: whoever made it may not listen yet.
await_socket() # absolute path
{
	await awk -v path="$1" '$4 == "00010000" && $8 == path { found = 1 } END { exit !found }' /proc/net/unix
}
