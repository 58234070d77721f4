"""keadm's lines on the edge, each with the place in the release's source that klog shows before it."""

from standin.ground import klog, semver

# By the beginning of a line; numbers by minor release.
_IN_JOIN = {'Executing pre-run': 'join.go:68', 'Check KubeEdge': 'join.go:73', 'Check if the management': 'join.go:82', 'Check if the node': 'join.go:97'}
_IN_OTHERS = ('Create', 'Generate systemd', 'Generate EdgeCore', 'Run', 'Install', 'The configuration does not', '', 'KubeEdge edgecore is')
_JOIN_LINES = {20: (193, 204, 225, 230, 250, 121, 290, 291), 21: (189, 200, 217, 222, 242, 117, 300, 301),
               22: (191, 202, 219, 224, 244, 118, 302, 303), 23: (190, 201, 218, 223, 243, 117, 300, 301)}
_IMAGE_LINES = {20: ('image.go:38', 'image.go:43'), 21: ('join_others.go:256', 'join_others.go:261'),
                22: ('join_others.go:258', 'join_others.go:263'), 23: ('join_others.go:257', 'join_others.go:262')}


class Log:
    """keadm's numbered steps and the lines between them, as the release of that version says them."""

    def __init__(self, version):
        # Of the releases before 1.20 the oldest that is known here stands in.
        minor = min(max(semver(version)[1], 20), 23)
        reset = ('executing pre-run', 'clean up static', 'kill', 'clean up containers', 'clean up dirs', 'executing post-run', 'reset edge', 'failed to parse')
        at_line = (63, 84, 99, 103, 107, 118, 123, 87) if minor == 21 else (62, 83, 98, 102, 106, 117, 122, 86)
        others = dict(zip(_IN_OTHERS, _JOIN_LINES[minor]))
        self.sources = {
            **_IN_JOIN, **dict(zip(('Pull', 'Copy'), _IMAGE_LINES[minor])),
            **{start: f'reset_others.go:{line}' for start, line in zip(reset, at_line)},
            **{start: f'join_others.go:{line}' for start, line in others.items()}}
        self.number = 0

    def step(self, text):
        self.number += 1
        klog(f'{self.number}. {text}', source=self._source(text))

    def say(self, text, level='I'):
        klog(text, level, self._source(text))

    def _source(self, text):
        return next((source for start, source in self.sources.items() if start and text.startswith(start)), self.sources[''])
