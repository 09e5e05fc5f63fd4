# assemble.awk: makes the script of ALTER EXTENSION ... UPDATE out of the parts of the fresh install.
#
#   awk -f sql/upgrade/assemble.awk OLD DELTA PART... >sql/porcupine--A--B.sql
#
# OLD is the frozen install script of the version that is left, DELTA what has to be said by hand (sql/upgrade/README.md).
# DELTA comes first, as it is. Then come the statements of the parts, in their order:
#   - a function, view or trigger replaces the one that is there;
#   - anything else that OLD or DELTA has made is left out, unless DELTA drops it;
#   - all others (new objects, comments, grants, DO) run as they do in a fresh install.
# It knows SQL well enough to tell where a statement ends; a statement of a part begins on a line of its own.

FNR == 1 { file++ }
FNR == 1 && file == 3 {
	print "\n-- What the fresh install says, from here on.\n"
}
file == 2 { print }
statement == "" && (/^[ \t]*$/ || /^--/ || /^\\/) { next }
{
	statement = statement $0 "\n"
	if (ends($0)) {
		take(statement)
		statement = ""
	}
}
END {
	if (statement != "") {
		print "assemble.awk: a statement has no end:\n" statement >"/dev/stderr"
		exit 1
	}
}

# Whether the statement is over with this line. quote is what an open string waits for: ', $$ or $name$.
function ends(line,    at, over) {
	over = 0
	for (;;) {
		if (quote != "") {
			at = index(line, quote)
			if (at == 0)
				return 0
			line = substr(line, at + length(quote))
			quote = ""
		}
		if (!match(line, /'|--|;|\$[A-Za-z_]*\$/))
			return over && line ~ /^[ \t]*$/
		if (substr(line, RSTART, RLENGTH) == "--")
			return over && substr(line, 1, RSTART - 1) ~ /^[ \t]*$/
		over = substr(line, RSTART, RLENGTH) == ";"
		if (!over)
			quote = substr(line, RSTART, RLENGTH)
		line = substr(line, RSTART + RLENGTH)
	}
}

function take(text,    name) {
	name = object(text)
	if (file == 1) {
		if (text ~ /^CREATE/)
			made[name] = 1
	} else if (file == 2) {
		if (text ~ /^CREATE/)
			made[name] = 1
		else if (text ~ /^DROP/)
			delete made[name]
	} else if (text ~ /^CREATE (FUNCTION|VIEW|TRIGGER) /) {
		sub(/^CREATE /, "CREATE OR REPLACE ", text)
		print text
	} else if (text !~ /^CREATE/ || !(name in made)) {
		print text
	}
}

# What a CREATE or DROP is about: its kind and name, and for a policy its table.
function object(text,    words, n, i, name) {
	gsub(/[(;]/, " ", text)
	n = split(text, words, /[ \t\n]+/)
	for (i = 2; i < n && words[i] ~ /^(OR|REPLACE|UNIQUE|UNLOGGED|CONSTRAINT|EVENT)$/; i++)
		;
	name = words[i + 1] == "IF" ? words[i + 3] : words[i + 1]
	sub(/^porcupine\./, "", name)
	name = words[i] " " name
	if (words[i] == "POLICY")
		for (i += 2; i < n; i++)
			if (words[i] == "ON")
				return name " ON " words[i + 1]
	return name
}
