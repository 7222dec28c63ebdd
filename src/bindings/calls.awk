# SPDX-License-Identifier: GPL-2.0
# Reads the tables of src (imports!, system_calls!, and of hooks! what has an original). Writes the static calls that they want, for C: PIDNS_CALLS(X);
# with -v want=originals, for Rust: the originals of the wrapped functions, by their names.

BEGIN { if (want != "originals") print "#define PIDNS_CALLS(X) \\" }
function call(name) {
	if (want == "originals") {
		if (table != "imports!")
			print "pub(crate) use crate::bindings::__SCT__pidns_" name " as " name ";"
	} else {
		print "\tX(" name ") \\"
	}
}
/^(imports|hooks|system_calls)! \{/ { table = $1 }
/^\}/ { table = "" }
{ sub(/^ *(#\[cfg\(.*\)\] *)?/, "") }
table == "imports!" && /^[a-z_0-9]+[;(<]/ { sub(/[;(<].*/, ""); call($0) }
table == "hooks!" && / => / { name = $1 }
table == "system_calls!" && / => / { call($1) }
table == "hooks!" && name && /;$/ { if (/, (wrapped|kept)/) call(name); name = "" }
/call!\([a-z_]+\);$/ { sub(/.*call!\(/, ""); sub(/\);$/, ""); call($0) }
END { print "" }
