# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What the tests of pktool share, beside lib.bash.
# shellcheck disable=SC2034,SC2154 # some of it is used there, or comes from there

pktool=${PKCS11_TPM_MODULE%/lib/.libs/*}/tools/pktool/pktool
out=
errors=

# Answers, without blanks, which pktool finds on its standard input; its words.
asks() # "ANSWER ANSWER ...", words
{
	local answers=()

	read -ra answers <<<"$1"
	out=$({ ((${#answers[@]} == 0)) || printf '%s\n' "${answers[@]}"; } |
		timeout 100 "$pktool" --module "$module" "${@:2}" 2>errors)
	status=$?
	errors=$(<errors)
	output=$out$'\n'$errors
}

# Exit status; a pattern of the standard output, "" for one that is empty; a pattern of the standard error.
complaints()
{
	((status == $1)) || echo "the exit status is $status, not $1"
	if [[ -z $2 ]]; then
		[[ -z $out ]] || echo 'the standard output is not empty'
	else
		grep -qE -- "$2" <<<"$out" || echo "the standard output does not show \"$2\""
	fi
	grep -qE -- "${3-}" <<<"$errors" || echo "the standard error does not show \"$3\""
	! grep -qE '^pkcs11_tpm: [a-z]+: ' <<<"$errors" || echo 'the module writes to the terminal'
	! grep -qF -e "$so_pin" -e "$user_pin" <<<"$output" || echo 'a PIN is shown'
}

expects() # name, as above
{
	report "$1" "$(complaints "${@:2}")"
}

# The same for words that have to be refused before anything else happens, and with them the usage.
misuse() # pattern of the standard error, words
{
	local name

	printf -v name '%.60s' "${*:2}"
	asks '' "${@:2}"
	report "wrong: $name" "$(complaints 1 '' "$1")$(
		! grep -q 'Enter' <<<"$errors" || echo 'it asks for a PIN first')"
}

# At a terminal, where nothing that is typed may be seen.
terminal() # words of pktool as one string, answers
{
	out=$(python3 "${top_srcdir:?}/tests/clients/terminal.py" \
		"'$pktool' --module '$module' $1" "${@:2}" 2>&1)
	status=$? errors='' output=$out
}

# --- what came of it ---

seen() # options of pkcs11-tool: a complaint if it fails; what it shows is in the file "seen"
{
	tool "$@" >seen 2>&1 </dev/null || { echo "pkcs11-tool $* fails" && cat seen; }
}

count() # pattern: lines of what pkcs11-tool has shown
{
	grep -cE -- "$1" seen
}

is() # what is, what should be
{
	[[ $1 == "$2" ]] || echo "\"$1\" is not \"$2\""
}

# A module around another one, of which one call fails: $place/failing.so.
failing_lacks='there is no C compiler with the headers of p11-kit'
failing_make()
{
	cc -shared -fPIC -o "$place/failing.so" -I"$(pkg-config --variable=includedir p11-kit-1)/p11-kit-1" \
		"${top_srcdir:?}/tests/clients/failing_module.c" -ldl >/dev/null 2>&1
}
