#compdef kedge
# Completion of kedge's command line in zsh: source <(kedge completion zsh), or this as _kedge in a folder of $fpath

_kedge() {
  local program=${(Q)words[1]}
  local -a answer
  program=${program/#\~\//$HOME/}
  answer=("${(@f)$("$program" __complete zsh "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
  case $answer[1] in
    files | folders)
      [[ $PREFIX == --*=* ]] && compset -P '*='
      if [[ $answer[1] == files ]]; then _files; else _files -/; fi
      ;;
    words)
      shift answer
      (( $#answer )) && _describe -V kedge answer
      ;;
  esac
}

if [[ $funcstack[1] == _kedge ]]; then
  _kedge "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
  compdef _kedge kedge
fi
