#!/bin/sh
# Install, upgrade or remove git-scalingo-region: a private virtual environment, and links to what it holds.
# In its own folder ("home" below) lie:
#   venv-STAMP  an environment, built at its final name because an environment cannot be moved
#   current     the link to the live one; swapping it is the only step that counts
#   folders     the folders made on the way, for --uninstall
#   lock        a link to the number of the process at work
set -eu

name=git-scalingo-region
system=/usr/local
pythons="python3 python3.14 python3.13 python3.12 python3.11 python3.10 /usr/bin/python3"

usage() {
  cat <<END
usage: install.sh [--prefix DIR] [--uninstall]

Install git-scalingo-region from this checkout, or upgrade it: for you alone
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

on_path() { # FOLDER
  case ":${PATH:-}:" in *":$1:"* | *":$1/:"*) ;; *) return 1 ;; esac
}

# Root's own ~/.local serves root alone, so it must be on PATH or hold us already. After sudo, HOME may be another's.
for_everybody() {
  [ -n "$(find "${HOME:-/nowhere}/" -prune -user 0 2>/dev/null)" ] || return 0
  [ ! -d "$data/$name" ] || return 1
  [ -d "$system/lib/$name" ] || ! on_path "$HOME/.local/bin"
}

# Sets bin, man, share and home. For a program in X/bin, man looks in X/share/man, whatever XDG_DATA_HOME says.
choose_place() {
  case ${XDG_DATA_HOME:-} in /*) data=$XDG_DATA_HOME ;; *) data=${HOME:-}/.local/share ;; esac
  [ -n "$prefix" ] || [ "$user" -ne 0 ] || ! for_everybody || prefix=$system
  if [ -n "$prefix" ]; then
    bin=$prefix/bin man=$prefix/share/man share=$prefix/share home=$prefix/lib/$name
  else
    [ -n "${HOME:-}" ] || fail "HOME is not set" "say where to install: --prefix DIR"
    bin=$HOME/.local/bin man=$HOME/.local/share/man share=$data home=$data/$name
  fi
}

# A pipe into sh, or a symlink to this script, does not lead to the checkout, and a package index may hold somebody
# else's package under the bare name.
find_checkout() {
  case $0 in */*) checkout=${0%/*}/ ;; *) checkout=./ ;; esac
  if ! [ -f "$0" ] || ! grep -q "^name = \"$name\"" "${checkout}pyproject.toml" 2>/dev/null; then
    fail "install.sh must be run from its checkout of $name" "sh /path/to/checkout/install.sh"
  fi
  checkout=$(CDPATH='' cd -- "$checkout" && pwd)
}

# Debian ships venv without ensurepip, and then leaves a half-made environment behind: hence both imports.
# With "all", every user must be able to reach the interpreter, since an environment only links to it.
probe='
import os, sys
if sys.version_info < (3, 10): sys.exit(3)
try: from ensurepip import bootstrap; import venv
except ImportError: sys.exit(4)
path = os.path.realpath(sys.executable)
while sys.argv[1] == "all" and path != "/":
    if not os.stat(path).st_mode & 1: sys.exit(5)
    path = os.path.dirname(path)
'

# Sets python: the first that will do.
choose_python() {
  readers=me old='' bare='' closed=''
  [ "$user" -ne 0 ] || [ -z "$prefix" ] || readers=all
  # shellcheck disable=SC2086 # the list is split on purpose
  if [ -n "${PYTHON:-}" ]; then set -- "$PYTHON"; else set -- $pythons; fi
  for python do
    command -v "$python" >/dev/null || [ -n "${PYTHON:-}" ] || continue
    status=0
    "$python" -I -c "$probe" "$readers" >/dev/null 2>&1 || status=$?
    case $status in
      0) return ;;
      4) bare=${bare:-$python} ;;
      5) closed=${closed:-$python} ;;
      *) old=${old:-$python} ;;
    esac
  done
  python=$closed
  if [ -n "$closed" ]; then
    printf 'warning: %s is closed to other users, so only root can run %s\n' "$closed" "$name" >&2
  elif [ -n "$bare" ]; then
    case ${bare##*/} in python3.*) package=${bare##*/}-venv ;; *) package=python3-venv ;; esac
    fail "$bare lacks the venv or the ensurepip module" "on Debian and Ubuntu: apt install $package"
  else
    fail "Python 3.10 or newer is needed${old:+, and $old is not}" "name another: PYTHON=/path/to/python3 sh install.sh"
  fi
}

# Makes a folder and its parents, and notes each in folders.
make_folder() { # FOLDER
  [ ! -d "${1:-/}" ] || return 0
  make_folder "${1%/*}"
  if mkdir "$1" 2>/dev/null; then
    folders="$folders$1
"
  else
    [ -d "$1" ] || fail "cannot make the folder $1" "choose another place: --prefix DIR"
  fi
}

enter_home() {
  make_folder "$home"
  home=$(CDPATH='' cd -- "$home" && pwd -P) # one spelling, or ours() would not know its links again
  for folder in "$home" "$bin"; do
    [ ! -d "$folder" ] || [ -w "$folder" ] || fail "cannot write to $folder" "choose another place: --prefix DIR"
  done
  until ln -s $$ "$home/lock" 2>/dev/null; do
    holder=$(readlink "$home/lock") || fail "cannot make the lock $home/lock"
    ! kill -0 "$holder" 2>/dev/null ||
      fail "another installation is at work, process $holder" "if that is something else, remove $home/lock"
    rm -f "$home/lock" # its process was killed
  done
  locked=yes
}

ours() { # LINK
  case $(readlink "$1" 2>/dev/null) in "$home"/*) ;; *) return 1 ;; esac
}

# Every link leads through "current", so that the swap moves them all at once.
link() { # FILE PLACE
  ! ours "$2" || [ ! -e "$2" ] || return 0
  make_folder "${2%/*}"
  ln -sf "$home/current/$1" "$2" 2>/dev/null || fail "cannot write to ${2%/*}" "choose another place: --prefix DIR"
}

refuse_foreign() { # PLACE
  ours "$1" || { [ ! -e "$1" ] && [ ! -L "$1" ]; } ||
    fail "$1 is in the way, and not from this script" "remove it, or choose another place: --prefix DIR"
}

# Removes all of ours that "current" does not lead to: what a crash, a failure, an older version or --uninstall leaves.
tidy() {
  live=$(readlink "$home/current") || rm -f "$home/folders"
  rm -rf "$home/current.new"
  for venv in "$home"/venv-*; do [ "${venv##*/}" = "$live" ] || rm -rf "$venv"; done
  for link in "$bin/$name" "$man"/man*/*"$name"* "$share"/*/*/*"$name"*; do
    if ours "$link" && [ ! -e "$link" ]; then rm -f "$link"; fi
  done
}

# Runs at every exit. Of the folders, children first, only the empty ones go.
finish() {
  trap '' HUP INT TERM
  [ -z "$locked" ] || { tidy && rm -f "$home/lock"; } || :
  printf '%s' "$folders" | sort -r | while IFS= read -r folder; do rmdir "$folder" 2>/dev/null || :; done
}

uninstall() {
  if [ ! -d "$home" ] && ! ours "$bin/$name"; then
    echo "Nothing to remove: $name is not installed in $bin."
    exit
  fi
  enter_home
  folders="$folders$home
$(cat "$home/folders" 2>/dev/null || :)
"
  rm -f "$home/current"
  tidy
  echo "Removed $name from $bin."
}

build() {
  # Each of these would send pip, or what it runs, to another place. PIP_USER also overrules a pip.conf.
  unset PIP_TARGET PIP_PREFIX PIP_ROOT PIP_PYTHON PYTHONPATH PYTHONHOME
  export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
  new=$home/venv-$(date +%Y%m%d%H%M%S)-$$
  echo "Installing $name from $checkout ..."
  "$python" -I -m venv "$new" || fail "$python cannot make a virtual environment" "nothing was changed"
  # As a url, since pip would take the end of a path such as a[b] for something else.
  url=$("$new/bin/python" -I -c 'import pathlib, sys; print(pathlib.Path(sys.argv[1]).as_uri())' "$checkout")
  "$new/bin/python" -I -m pip install --quiet "$url" ||
    fail "pip cannot install $name" "pip says why above; nothing was changed"
  version=$("$new/bin/$name" --version) || fail "the new $name does not start" "nothing was changed"
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
    case $file in man/*) place=$man/${file#man/} ;; *) place=$share/$file ;; esac
    [ -z "$file" ] || { refuse_foreign "$place" && link "share/$file" "$place"; }
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
  printf '\nInstalled %s: %s\n' "$version" "$bin/$name"
  echo "Next:  git scalingo-region add osc-fr1 myapp"
  echo "Help:  git help scalingo-region"
  functions=$share/zsh/site-functions shell=${SHELL:-} first=$(command -v "$name") || first=''
  if [ "${shell##*/}" = zsh ] && [ "$prefix" != "$system" ] && [ -d "$functions" ]; then
    echo "zsh:   put this into ~/.zshrc, before compinit: fpath=($functions \$fpath)"
  fi
  if ! on_path "$bin"; then
    echo "warning: $bin is not on PATH; put this into your shell's start file: export PATH=\"$bin:\$PATH\"" >&2
  elif ! ours "$first"; then
    echo "warning: $first comes first on PATH" >&2
  fi
}

action=install prefix=''
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

folders='' locked='' user=$(id -u)
[ "$user" -ne 0 ] || umask 022 # everybody must be able to read it
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
if [ -n "$prefix" ]; then
  case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
  [ "$action" = uninstall ] || make_folder "$prefix"
  [ ! -d "$prefix" ] || prefix=$(CDPATH='' cd -- "$prefix" && pwd) # without . and ..
fi
choose_place
"$action"
