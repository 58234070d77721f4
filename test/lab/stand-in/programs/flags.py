"""Command lines as cobra reads them: --name value, --name=value, -n value; anything unknown is refused."""

from standin.ground import Refusal

BOOL, TEXT, LIST, SLICE = 'bool', 'text', 'list', 'slice'


def parse(arguments, flags, shorthands=None):
    """(options, positional). LIST flags repeat, SLICE flags repeat and split at commas. Absent flags are absent."""
    options, positional, rest = {}, [], list(arguments)
    shorthands = shorthands or {}
    while rest:
        word = rest.pop(0)
        if word == '--':
            return options, positional + ['--'] + rest
        if word.startswith('--') or (word.startswith('-') and len(word) > 1):
            name, value = _name_and_value(word, shorthands)
            if name not in flags:
                raise Refusal(f'unknown flag: --{name}')
            _store(options, name, flags[name], value, rest, word)
        else:
            positional.append(word)
    return options, positional


def _name_and_value(word, shorthands):
    if word.startswith('--'):
        name, separator, value = word[2:].partition('=')
        return name, value if separator else None
    letter, value = word[1], word[2:] or None
    if letter not in shorthands:
        raise Refusal(f"unknown shorthand flag: '{letter}' in {word}")
    return shorthands[letter], value[1:] if value and value.startswith('=') else value


def _store(options, name, kind, value, rest, word):
    if kind == BOOL:
        if value not in (None, 'true', 'false'):
            raise Refusal(f'invalid argument "{value}" for "--{name}" flag: strconv.ParseBool: parsing "{value}": invalid syntax')
        options[name] = value != 'false'
        return
    if value is None:
        if not rest:
            raise Refusal(f'flag needs an argument: {word}')
        value = rest.pop(0)
    if kind == TEXT:
        options[name] = value
    elif kind == LIST:
        options.setdefault(name, []).append(value)
    else:
        options.setdefault(name, []).extend(value.split(','))
