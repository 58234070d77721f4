# Completion of kedge's command line in bash: source <(kedge completion bash)

_kedge() {
  local answer program=${COMP_WORDS[0]}
  case $program in "~/"*) program=$HOME/${program:2} ;; esac
  COMPREPLY=()
  mapfile -t answer < <("$program" __complete bash "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null)
  case ${answer[0]-} in
    files) compopt -o default ;;
    folders) compopt -o dirnames ;;
    words) COMPREPLY=("${answer[@]:1}") ;;
  esac
}

complete -o nosort -F _kedge kedge
