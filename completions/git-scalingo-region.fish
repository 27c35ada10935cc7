# Fish completion for `git scalingo-region`, and for `git-scalingo-region` typed as one word: fish's
# own completion of git forwards to the command of that name. (Fish 3.6 fails to; the cure is
# git-scalingo-region.conf.fish.) It forwards without git's own options, so that the remotes offered
# after `git -C DIR` are those of the current folder.
#
# Nothing here starts Python or uses the network: a TAB costs one small file, or one `git remote`.

# Print the region names: those that the program cached last, else the embedded ones.
function __git_scalingo_region_names
    # EMBEDDED REGIONS, offered while no list is cached: as in git_scalingo_region/scalingo/builtin.py.
    set -l embedded osc-fr1 osc-secnum-fr1
    set -l folder "$XDG_CACHE_HOME"
    set -l names
    # A relative XDG_CACHE_HOME does not count: so says the XDG specification.
    string match -q '/*' -- $folder; or set folder "$HOME/.cache"
    set -l file "$folder/git-scalingo-region/names"
    if test -f "$file" -a -r "$file"
        set names (string match -r '^[a-z0-9][a-z0-9._-]*$' <"$file")
    end
    set -q names[1]; or set names $embedded
    printf '%s\n' $names
end

# Print the command and the positional arguments before the cursor, one a line.
function __git_scalingo_region_words
    set -l words (commandline -opc)
    set -l option ''
    for word in $words[2..]
        switch "$option$word"
            case -r --remote --field --known-hosts --fingerprint
                # The next word is its value, which `case '-*'` passes over as well.
                set option $word
                continue
            case '-*'
            case '*'
                printf '%s\n' $word
        end
        set option ''
    end
end

# Succeed in one of these commands; '' stands for the place where a command is to come.
function __git_scalingo_region_in
    set -l words (__git_scalingo_region_words)
    contains -- "$words[1]" $argv
end

# Succeed in one of these commands, where its first positional argument is to come.
function __git_scalingo_region_first_of
    set -l words (__git_scalingo_region_words)
    contains -- "$words[1]" $argv; and not set -q words[2]
end

# Print the remotes that are not on the line yet: naming one twice has no use.
function __git_scalingo_region_other_remotes
    set -l words (__git_scalingo_region_words)
    for remote in (git remote 2>/dev/null)
        contains -- $remote $words[2..]; or printf '%s\n' $remote
    end
end

# An app cannot be completed, so nothing is offered in its place; --known-hosts alone takes files.
complete -c git-scalingo-region -f

complete -c git-scalingo-region -s h -l help -d 'Show the help'

# The commands, and the one option that goes in their place.
set -l first '__git_scalingo_region_in ""'
complete -c git-scalingo-region -n $first -a add \
    -d 'Add the remote of an app, or bring it up to date'
complete -c git-scalingo-region -n $first -a url -d 'Print the remote url of an app'
complete -c git-scalingo-region -n $first -a list -d 'List the regions'
complete -c git-scalingo-region -n $first -a show -d 'Show every field of one region'
complete -c git-scalingo-region -n $first -a status \
    -d 'Show the Scalingo remotes of this repository'
complete -c git-scalingo-region -n $first -a sync \
    -d 'Bring Scalingo remotes whose endpoint has moved up to date'
complete -c git-scalingo-region -n $first -a trust \
    -d "Put the region's host key into known_hosts, verified"
complete -c git-scalingo-region -n $first -a doctor \
    -d 'Find what would make the first push fail, and what fixes it'
complete -c git-scalingo-region -n $first -l version -d 'Print the version'

# Positional arguments.
complete -c git-scalingo-region -n '__git_scalingo_region_first_of add url show trust' \
    -a '(__git_scalingo_region_names)' -d Region
complete -c git-scalingo-region -n '__git_scalingo_region_in status sync' \
    -a '(__git_scalingo_region_other_remotes)' -d Remote
complete -c git-scalingo-region -n '__git_scalingo_region_first_of doctor' \
    -a '(__git_scalingo_region_other_remotes)' -d Remote

# Options of every command, then of some.
set -l any '__git_scalingo_region_in add url list show status sync trust doctor'
complete -c git-scalingo-region -n $any -l json -d 'Write the result, or the error, as JSON'
complete -c git-scalingo-region -n $any -s q -l quiet \
    -d 'Write no result, only warnings and errors'
complete -c git-scalingo-region -n $any -l refresh \
    -d 'Ask the service, even if the cached list is fresh'
complete -c git-scalingo-region -n $any -l offline -d 'Never ask the service'
complete -c git-scalingo-region -n '__git_scalingo_region_in add sync trust' \
    -s n -l dry-run -d 'Write nothing, show what would be done'
complete -c git-scalingo-region -n '__git_scalingo_region_in add url show trust' \
    -l fallback -d 'Take the default region where the one named is unknown'
complete -c git-scalingo-region -n '__git_scalingo_region_in add' \
    -s r -l remote -x -a '(git remote 2>/dev/null)' -d 'The name of the remote'
complete -c git-scalingo-region -n '__git_scalingo_region_in add' \
    -s f -l force -d "Replace a remote that is not Scalingo's"
complete -c git-scalingo-region -n '__git_scalingo_region_in list' \
    -l names -d 'Write the names alone, one a line'
complete -c git-scalingo-region -n '__git_scalingo_region_in show' -l field -x \
    -a 'name display_name api dashboard database_api ssh default' \
    -d 'Write the value of this field alone'
complete -c git-scalingo-region -n '__git_scalingo_region_in trust' \
    -l known-hosts -r -F -d "The file to add to, instead of ssh's own"
complete -c git-scalingo-region -n '__git_scalingo_region_in trust' \
    -l fingerprint -x -d 'Expect this key; repeatable'
complete -c git-scalingo-region -n '__git_scalingo_region_in doctor' \
    -l connect -d 'Try a connection with your own ssh as well'
