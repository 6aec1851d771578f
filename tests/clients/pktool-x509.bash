# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What the tests of pktool's certificates share, beside pktool.bash. The PIN is in the file "pin".
# shellcheck disable=SC2034,SC2154 # some of it is used there, or comes from there

makes() # words, the PIN from the file
{
	asks '' "$@" pinfile=pin
}

# All that is in the token, and in this directory but for the output of the last call.
everything()
{
	"$pktool" --module "$module" list objtype=both pinfile=pin 2>&1 | sed 's/^[0-9]*\. //' | sort
	sha256sum -- * 2>&1 | grep -v ' errors$'
}

# A failure that changes nothing, in the token or here.
fails() # name, exit status, pattern of the standard error, words
{
	local before

	before=$(everything)
	makes "${@:4}"
	report "$1" "$(complaints "$2" '' "$3")$(
		[[ $(everything) == "$before" ]] || diff <(echo "$before") <(everything))"
}

is() # what is, what should be
{
	[[ $1 == "$2" ]] || echo "\"$1\" is not \"$2\""
}

field() # certificate, options of openssl x509: what they show
{
	openssl x509 -in "$1" -noout "${@:2}" 2>&1
}

shows() # certificate, pattern of its text, on one line
{
	field "$1" -text | tr -s ' \n' ' ' | grep -qE -- "$2" || echo "the certificate does not show \"$2\""
}

# In both places the algorithm is followed by its NULL.
has_null() # file in PEM, places
{
	(($(openssl asn1parse -in "$1" | grep -A 1 'OBJECT.*:sha256WithRSAEncryption' | grep -c 'prim: NULL') == $2)) ||
		echo 'the algorithm of the signature is without its NULL'
}

verified() # options and file of openssl verify
{
	local shown

	shown=$(openssl verify -x509_strict "$@" 2>&1) || echo "openssl verify: $shown"
}

objects() # label: how many there are
{
	"$pktool" --module "$module" list objtype=both label="$1" pinfile=pin 2>/dev/null | grep -cE '^[0-9]+\. '
}

ids() # label: how many different ones
{
	"$pktool" --module "$module" list objtype=both label="$1" pinfile=pin 2>/dev/null |
		sed -n 's/^ *ID: *//p' | sort -u | wc -l
}
