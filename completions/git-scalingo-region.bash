# Bash completion for `git scalingo-region`, and for `git-scalingo-region` typed as one word.
#
# Git's own completion finds _git_scalingo_region by its name, and sets cur, cword, words and
# __git_cmd_idx for it. All candidates go through git's __gitcomp and __gitcomp_nl: they end a word
# with the space that git's registration (-o nospace) leaves out, and git's zsh wrapper replaces
# both, so that this file serves that wrapper too (hence no variable named `commands` or `options`:
# zsh has its own). Nothing here starts Python or uses the network: a TAB costs one small file, or
# one `git remote`.
# shellcheck disable=SC2154 # Git sets cur, cword and words.

# EMBEDDED REGIONS, offered while no list is cached: the names in git_scalingo_region/scalingo/builtin.py.
__git_scalingo_region_embedded="osc-fr1 osc-secnum-fr1"

# Print the region names: those that the program cached last, else the embedded ones.
__git_scalingo_region_names ()
{
	# In other locales a-z may hold capitals and accents.
	local LC_ALL=C name names="" file="${XDG_CACHE_HOME-}"

	# A relative XDG_CACHE_HOME does not count: so says the XDG specification.
	[[ "$file" == /* ]] || file="${HOME-}/.cache"
	file="$file/git-scalingo-region/names"
	if [[ -f "$file" && -r "$file" ]]; then
		while IFS= read -r name || [[ -n "$name" ]]; do
			case "$name" in
			"" | [!a-z0-9]* | *[!a-z0-9._-]*) ;;
			*) names="$names $name" ;;
			esac
		done <"$file"
	fi
	echo "${names:-$__git_scalingo_region_embedded}"
}

# Keep file names away: where no candidate fits, bash and git's zsh wrapper would both offer them.
__git_scalingo_region_no_files ()
{
	if [[ -n "${ZSH_VERSION-}" ]]; then
		# shellcheck disable=SC2034 # The wrapper reads it: 0 means that we have answered.
		_ret=0
	else
		compopt +o default +o bashdefault 2>/dev/null
	fi
}

_git_scalingo_region ()
{
	local verbs="add url list show status sync trust doctor"
	local common="-h --help --json -q --quiet --refresh --offline"
	local command="" positionals=0 dashdash="" option="" value="$cur"
	local given=" " opts="" left="" word i

	# What stands before the cursor. Where __git_cmd_idx is not set (git before 2.31), the words
	# before the command are passed over.
	for ((i = ${__git_cmd_idx:-0} + 1; i < cword; i++)); do
		word="${words[i]}"
		[[ "$word" == --fingerprint* ]] || given="$given${word%%=*} "
		case "$word" in
		--)
			dashdash=1
			((positionals += cword - i - 1))
			break
			;;
		-r | --remote | --field | --known-hosts | --fingerprint)
			((++i < cword)) || option="$word"
			;;
		-*) ;;
		*)
			if [[ -n "$command" ]]; then
				((++positionals))
			elif [[ " $verbs " == *" $word "* ]]; then
				command="$word"
			fi
			;;
		esac
	done

	if [[ -z "$option$dashdash" && "$cur" == --*=* ]]; then
		option="${cur%%=*}"
		value="${cur#*=}"
	fi
	[[ "$option" == --known-hosts ]] || __git_scalingo_region_no_files

	# The value of an option. Bash has the files for --known-hosts; --fingerprint is pasted.
	case "$option" in
	-r | --remote)
		__gitcomp_nl "$(__git remote)" "" "$value"
		return
		;;
	--field)
		__gitcomp "name display_name api dashboard database_api ssh default" "" "$value"
		return
		;;
	-*) return ;;
	esac

	if [[ -z "$dashdash" && "$cur" == -* ]]; then
		case "$command" in
		"") opts="-h --help --version" ;;
		add) opts="$common -r --remote= -f --force -n --dry-run --fallback" ;;
		url) opts="$common --fallback" ;;
		list) opts="$common --names" ;;
		show) opts="$common --field= --fallback" ;;
		status) opts="$common" ;;
		sync) opts="$common -n --dry-run" ;;
		trust) opts="$common --known-hosts= --fingerprint= -n --dry-run --fallback" ;;
		doctor) opts="$common --connect" ;;
		esac
	else
		case "$command,$positionals" in
		,*) opts="$verbs" ;;
		add,0 | url,0 | show,0 | trust,0) opts="$(__git_scalingo_region_names)" ;;
		status,* | sync,* | doctor,0) opts="$(__git remote)" ;;
		esac
	fi
	# Giving an option or naming a remote twice has no use, except for --fingerprint.
	for word in $opts; do
		[[ "$given" == *" ${word%=} "* ]] || left="$left $word"
	done
	__gitcomp "$left"
}

# `git-scalingo-region` as one word: git's __git_complete wraps the function so that the same
# variables are set. It may not be loaded yet.
if [[ -n "${BASH_VERSION-}" ]]; then
	if ! declare -F __git_complete >/dev/null; then
		if declare -F _comp_load >/dev/null; then
			_comp_load git
		elif declare -F _completion_loader >/dev/null; then
			_completion_loader git
		fi
	fi
	if declare -F __git_complete >/dev/null; then
		__git_complete git-scalingo-region _git_scalingo_region
	fi
fi
