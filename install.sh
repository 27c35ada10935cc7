#!/bin/sh
# Install, upgrade or remove git-scalingo-region: a private virtual environment, and links into it.
# In its own folder ("home" below) are:
#   venv-STAMP  an environment, built at its final name because an environment cannot be moved
#   current     the link to the live one; the change takes effect when it is swapped
#   folders     the folders made on the way, for --uninstall
#   lock        a link to the id of the running process
set -eu

name=git-scalingo-region
system=/usr/local
elsewhere="choose another place: --prefix DIR"
newline='
'

usage() {
  cat <<END
usage: install.sh [--prefix DIR] [--uninstall]

Install git-scalingo-region from this checkout, or upgrade it: only for you,
under ~/.local, or, as root, for everybody under $system.

  --prefix DIR   install under DIR instead: DIR/bin, DIR/share, DIR/lib
  --uninstall    remove what this script installed there
  -h, --help     show this text

PYTHON=/path/to/python3 chooses the Python, which must be 3.10 or newer.
END
}

fail() { # MESSAGE [HINT]
  printf 'error: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2
  exit 1
}

misuse() { # MESSAGE
  printf 'error: %s\n' "$1" >&2
  usage >&2
  exit 2
}

quote() { # TEXT, for pasting into a shell
  printf "'%s'" "$(printf '%s\n' "$1" | sed "s/'/'\\\\''/g")"
}

# Sets bin, share and home. An existing installation stays where it is: the link to its program leads there.
choose_place() {
  [ "$user" -ne 0 ] || prefix=${prefix:-$system}
  if [ -n "$prefix" ]; then
    case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
    [ "$action" = uninstall ] || make_folder "$prefix"
    [ ! -d "$prefix" ] || prefix=$(CDPATH='' cd -- "$prefix" && pwd) # without . and ..
    bin=$prefix/bin share=$prefix/share home=$prefix/lib/$name
  else
    [ -n "${HOME:-}" ] || fail "HOME is not set" "say where to install: --prefix DIR"
    case $HOME in /*) ;; *) HOME=$PWD/$HOME ;; esac
    case ${XDG_DATA_HOME:-} in /*) share=$XDG_DATA_HOME ;; *) share=$HOME/.local/share ;; esac
    bin=$HOME/.local/bin home=$share/$name
  fi
  man=${bin%/bin}/share/man # where man looks for a program of that folder
  place=$(readlink "$bin/$name") || return 0
  case $place in /*/"$name/current/bin/$name") home=${place%/current/*} ;; *) return 0 ;; esac
  case $home in */lib/"$name") share=${home%/lib/*}/share ;; *) share=${home%/*} ;; esac
}

# A pipe into sh, or a link to this script, does not lead to the checkout, and a package index may hold somebody else's
# package under the bare name.
find_checkout() {
  case $0 in */*) checkout=${0%/*}/ ;; *) checkout=./ ;; esac
  { [ -f "$0" ] && grep -q "^name = \"$name\"" "${checkout}pyproject.toml" 2>/dev/null; } ||
    fail "install.sh must be run from its checkout of $name" "sh /path/to/checkout/install.sh"
  checkout=$(CDPATH='' cd -- "$checkout" && pwd)
}

# Debian ships venv without ensurepip, and then leaves an incomplete environment behind: hence both imports.
probe='
import sys
print("Python %d.%d.%d" % sys.version_info[:3])
if sys.version_info < (3, 10): sys.exit(3)
try: from ensurepip import bootstrap; import venv
except ImportError: sys.exit(4)
'

# Sets python and version to the first suitable one.
choose_python() {
  wrong='' hint="name another: PYTHON=/path/to/python3 sh install.sh"
  set -- python3 python3.14 python3.13 python3.12 python3.11 python3.10 /usr/bin/python3
  # An environment links to its Python, and other users cannot read one in root's home.
  [ "$user" -ne 0 ] || set -- /usr/bin/python3 "$@"
  [ -z "${PYTHON:-}" ] || set -- "$PYTHON"
  for python do
    command -v "$python" >/dev/null || [ -n "${PYTHON:-}" ] || continue
    status=0
    version=$("$python" -I -c "$probe" 2>/dev/null) || status=$?
    case $status in
      0) python=$(command -v "$python") && return ;;
      3) wrong=${wrong:-"$python is $version"} ;;
      4) wrong="$python lacks the venv or the ensurepip module" package=python3
        case ${python##*/} in python3.*) package=${python##*/} ;; esac
        hint="on Debian and Ubuntu: apt install $package-venv" ;;
      *) wrong=${wrong:-"$python does not run"} ;;
    esac
  done
  fail "Python 3.10 or newer is needed${wrong:+, and $wrong}" "$hint"
}

# Makes a folder and its parents, and notes each in folders.
make_folder() { # FOLDER
  [ ! -d "${1:-/}" ] || return 0
  make_folder "${1%/*}"
  mkdir "$1" 2>/dev/null || [ -d "$1" ] || fail "cannot make the folder $1" "$elsewhere"
  folders=$folders$1$newline
}

enter_home() {
  make_folder "$home"
  home=$(CDPATH='' cd -- "$home" && pwd -P) # one spelling, or ours() would not know its links again
  [ ! -d "$bin" ] || [ -w "$bin" ] || fail "cannot write to $bin" "$elsewhere"
  until ln -s $$ "$home/lock" 2>/dev/null; do
    holder=$(readlink "$home/lock") || fail "cannot write to $home" "$elsewhere"
    ! kill -0 "$holder" 2>/dev/null ||
      fail "another installation is at work, process $holder" "if that is something else: rm $(quote "$home/lock")"
    rm -f "$home/lock" # its process was killed
  done
  locked=yes
}

ours() { # LINK
  case $(readlink "$1" 2>/dev/null) in "$home"/*) ;; *) return 1 ;; esac
}

# Succeeds if something else is at PLACE; what and cure say what it is and how to remove it.
foreign() { # PLACE
  if ours "$1" || { [ ! -e "$1" ] && [ ! -L "$1" ]; }; then return 1; fi
  what=$(readlink "$1") && what="$1 leads to $what" || what="$1 is not from this script"
  case $what in
    */pipx/venvs/*) what="$what, installed by pipx" cure="pipx uninstall $name" ;;
    */uv/tools/*) what="$what, installed by uv" cure="uv tool uninstall $name" ;;
    *) cure="rm -r $(quote "$1")" ;;
  esac
}

refuse_foreign() { # PLACE
  ! foreign "$1" || fail "$what" "remove it: $cure; or $elsewhere"
}

# Every link leads through "current", so that the swap moves them all at once.
link() { # FILE PLACE
  refuse_foreign "$2"
  [ ! -e "$2" ] || return 0
  make_folder "${2%/*}"
  ln -sf "$home/current/$1" "$2" 2>/dev/null || fail "cannot write to ${2%/*}" "$elsewhere"
}

# Removes all our files that "current" does not lead to: left by a crash, a failure, an older version or --uninstall.
tidy() {
  live=$(readlink "$home/current") || rm -f "$home/folders"
  rm -rf "$home/current.new"
  for venv in "$home"/venv-*; do [ "${venv##*/}" = "$live" ] || rm -rf "$venv"; done
  for link in "$bin/$name" "$man"/man*/*"$name"* "$share"/*/*/*"$name"*; do
    if ours "$link" && [ ! -e "$link" ]; then rm -f "$link"; fi
  done
}

# Runs at every exit. Removes the noted folders that are empty, children first.
finish() {
  trap '' HUP INT TERM
  [ -z "$locked" ] || { tidy && rm -f "$home/lock"; } || :
  printf '%s' "$folders" | sort -r | while IFS= read -r folder; do rmdir "$folder" 2>/dev/null || :; done
}

uninstall() {
  if [ ! -d "$home" ] && ! ours "$bin/$name"; then
    echo "Nothing to remove: this script has not installed $name in $bin."
    ! foreign "$bin/$name" || echo "$what; remove it: $cure"
    exit
  fi
  enter_home
  folders=$folders$home$newline$(cat "$home/folders" 2>/dev/null || :)$newline
  rm -f "$home/current"
  tidy
  echo "Removed $name from $bin."
}

build() {
  # Each of these would make pip, or what it runs, use another place. PIP_USER also overrules a pip.conf.
  unset PIP_TARGET PIP_PREFIX PIP_ROOT PIP_PYTHON PYTHONPATH PYTHONHOME
  export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
  new=$home/venv-$(date +%Y%m%d%H%M%S)-$$
  echo "Installing $name from $checkout with $python ($version). This may take half a minute."
  "$python" -I -m venv "$new" || fail "$python cannot make a virtual environment" "nothing was changed"
  # Empty values here hide those of the user's own pip.conf, also from the pip that prepares the build.
  printf '[%s]\ntarget =\nprefix =\nroot =\n' global install >"$new/pip.conf"
  # A url, since pip would take the end of a path such as a[b] for a list of extras.
  url=$("$new/bin/python" -I -c 'import pathlib, sys; print(pathlib.Path(sys.argv[1]).as_uri())' "$checkout")
  "$new/bin/python" -I -m pip install --quiet "$url" || {
    # pip's help shows the index that its configuration names, without a password.
    index=$(COLUMNS=999 "$new/bin/python" -I -m pip install --help 2>/dev/null |
      sed -n 's/^ *-i, --index-url .*(default:* *\([^)]*\)).*/ \1/p') || index=''
    fail "pip cannot install $name from the package index$index" "pip says why above; nothing was changed"
  }
  installed=$("$new/bin/$name" --version) || fail "the new $name does not start" "nothing was changed"
}

install() {
  command -v git >/dev/null || fail "git is not installed" "$name is a git command: install git first"
  find_checkout
  choose_python
  enter_home
  refuse_foreign "$bin/$name"
  tidy
  build
  link "bin/$name" "$bin/$name"
  while IFS= read -r file; do
    case $file in '') ;; man/*) link "share/$file" "$man/${file#man/}" ;; *) link "share/$file" "$share/$file" ;; esac
  done <<END
$(cd "$new/share" 2>/dev/null && find . -type f -name "*$name*" | sed 's|^\./||')
END
  ln -s "${new##*/}" "$home/current.new"
  # rename(2), since no portable mv replaces a link to a folder.
  "$new/bin/python" -I -c 'import os, sys; os.replace(*sys.argv[1:])' "$home/current.new" "$home/current"
  printf '%s' "$folders" >>"$home/folders"
  farewell
}

farewell() {
  printf '\nInstalled %s: %s\nNext:  git scalingo-region add osc-fr1 myapp\nHelp:  git help scalingo-region\n' \
    "$installed" "$bin/$name"
  shell=${SHELL:-} shell=${shell##*/} functions=$share/zsh/site-functions first=$(command -v "$name") || first=''
  if [ "$shell" = zsh ] && [ "$functions" != "$system/share/zsh/site-functions" ] && [ -d "$functions" ]; then
    echo "zsh:   put this into ~/.zshrc, before compinit: fpath=($(quote "$functions") \$fpath)"
  fi
  case ":${PATH:-}:" in
    *":$bin:"* | *":$bin/:"*) [ -z "$first" ] || ours "$first" || echo "warning: $first comes first on PATH" >&2 ;;
    *) line="export PATH=$(quote "$bin"):\"\$PATH\""
      [ "$shell" != fish ] || line="fish_add_path $(quote "$bin")"
      echo "warning: $bin is not on PATH; put this into your shell's start file: $line" >&2 ;;
  esac
}

action=install prefix='' folders='' locked='' user=$(id -u)
while [ $# -gt 0 ]; do
  case $1 in
    --prefix) [ -n "${2:-}" ] || misuse "--prefix needs a folder"; prefix=$2; shift ;;
    --prefix=?*) prefix=${1#--prefix=} ;;
    --uninstall) action=uninstall ;;
    -h | --help) usage; exit ;;
    *) misuse "unknown argument: $1" ;;
  esac
  shift
done

trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
[ "$user" -ne 0 ] || umask 022 # everybody must be able to read it
choose_place
"$action"
