"""The API server's objects: in memory, on disk by atomic rename, with a version for every change and a memory of changes."""

import copy
import json
import os
import threading

from standin.ground import exists, now_text, read, write

_KEPT_EVENTS = 2000


class Store:
    """Objects by (plural.group, namespace, name). Everything handed out is a copy."""

    def __init__(self, path):
        self.path, self.changed = path, threading.Condition(threading.RLock())
        self.objects, self.version, self.events = {}, 1, []
        saved = json.loads(read(path) or '{"version": 1, "objects": []}')
        self.version = saved['version']
        for resource, item in saved['objects']:
            self.objects[self._key(resource, item)] = item
        self._saved = self.version

    @staticmethod
    def _key(resource, item):
        return resource, item['metadata'].get('namespace', ''), item['metadata']['name']

    def get(self, resource, namespace, name):
        with self.changed:
            return copy.deepcopy(self.objects.get((resource, namespace or '', name)))

    def list(self, resource, namespace=None):
        with self.changed:
            return [copy.deepcopy(item) for key, item in sorted(self.objects.items())
                    if key[0] == resource and (not namespace or key[1] == namespace)]

    def put(self, resource, item):
        """Creates or replaces; returns the object as stored. What says the same as before changes no version."""
        with self.changed:
            key = self._key(resource, item)
            old, item = self.objects.get(key), copy.deepcopy(item)
            meta = item['metadata']
            if old:
                meta['uid'], meta['creationTimestamp'] = old['metadata']['uid'], old['metadata']['creationTimestamp']
                meta['resourceVersion'] = old['metadata']['resourceVersion']
                if item == old:
                    return copy.deepcopy(old)
                if 'spec' in item and item['spec'] != old.get('spec'):
                    meta['generation'] = old['metadata'].get('generation', 1) + 1
            else:
                meta.setdefault('uid', _uid())
                meta.setdefault('creationTimestamp', now_text())
                if 'spec' in item:
                    meta['generation'] = 1
            self._note(resource, 'MODIFIED' if old else 'ADDED', item)
            self.objects[key] = item
            return copy.deepcopy(item)

    def remove(self, resource, namespace, name):
        with self.changed:
            item = self.objects.pop((resource, namespace or '', name), None)
            if item:
                self._note(resource, 'DELETED', item)
            return item

    def _note(self, resource, kind, item):
        self.version += 1
        item['metadata']['resourceVersion'] = str(self.version)
        self.events.append((self.version, resource, kind, copy.deepcopy(item)))
        del self.events[:-_KEPT_EVENTS]
        self.changed.notify_all()

    def since(self, version, resource, seconds):
        """Changes of one resource after a version; waits until there is one or the time is over."""
        with self.changed:
            def news():
                return [event for event in self.events if event[0] > version and event[1] == resource]

            self.changed.wait_for(news, seconds)
            return news()

    def wait(self, version, seconds):
        """The current version, as soon as it is beyond the given one or the time is over."""
        with self.changed:
            self.changed.wait_for(lambda: self.version > version, seconds)
            return self.version

    def save(self):
        """Writes what changed since the last time."""
        with self.changed:
            if self._saved == self.version and exists(self.path):
                return
            text = json.dumps({'version': self.version, 'objects': [[key[0], item] for key, item in self.objects.items()]})
            version = self.version
        write(self.path, text, 0o600)
        self._saved = version


def _uid():
    text = os.urandom(16).hex()
    return f'{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}'
