# Completion of kedge's command line in fish: kedge completion fish > ~/.config/fish/completions/kedge.fish

function __kedge_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
    set -l answer (command $program __complete fish $words[2..] "$current" 2>/dev/null)
    set -l option (string match -r '^--[^=]+=' -- "$current")
    set -l path (string replace -r '^--[^=]+=' '' -- "$current")
    switch "$answer[1]"
        case files
            printf '%s\n' "$option"(__fish_complete_path "$path")
        case folders
            printf '%s\n' "$option"(__fish_complete_directories "$path")
        case words
            printf '%s\n' $answer[2..]
    end
end

complete -c kedge -e
complete -c kedge -k -f -a '(__kedge_complete)'
