# SPDX-License-Identifier: GPL-2.0
# Reads input.h. Writes its hand-written prototypes for Rust, spelled as BTF does: a name and `result(type,type)`.

function type(text) {
	gsub(/__user/, "", text)
	gsub(/[ \t]+/, " ", text)
	gsub(/ ?\* ?/, "*", text)
	gsub(/^ | $/, "", text)
	if (text == "long") return "long int"
	if (text == "unsigned long") return "long unsigned int"
	# A macro of the kernel's.
	sub(/struct rcu_head/, "struct callback_head", text)
	return text
}

# Of a parameter, its name goes.
function parameter(text) {
	sub(/[A-Za-z_0-9]+[ \t]*$/, "", text)
	return type(text)
}

function write(statement, name, parameters, count, i, result) {
	match(statement, /[a-z_0-9]+\(/)
	name = substr(statement, RSTART, RLENGTH - 1)
	result = type(substr(statement, 1, RSTART - 1)) "("
	count = split(substr(statement, RSTART + RLENGTH), parameters, /[,)]/) - 1
	for (i = 1; i <= count; i++)
		if (parameters[i] != "void") result = result (i > 1 ? "," : "") parameter(parameters[i])
	print "(\"" name "\", \"" result ")\"),"
}

/^\/\* Static in the kernel/ { wanted = 1; next }
/^\/\* / { wanted = 0 }
wanted { text = text " " $0 }
END {
	print "&["
	count = split(text, statements, ";")
	for (i = 1; i <= count; i++)
		if (statements[i] ~ /\(/) write(statements[i])
	print "]"
}
