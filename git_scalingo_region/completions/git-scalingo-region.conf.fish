# A workaround for fish 3.6, for a conf.d folder: its completion of git looks for this command under
# the name git-scalingo-region, and so never forwards `git scalingo-region` to that completion.
# In other versions the rule repeats what fish does anyway.
complete -c git -f -n '__fish_git_using_command scalingo-region' \
    -a '(__fish_git_complete_custom_command scalingo-region)'
