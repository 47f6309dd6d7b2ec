"""The steps of the client matrix for clients that are Python libraries: run by python.ts, one line of JSON for each step on standard output.

A library's part is a class with the few calls that the steps are made of; what it cannot do raises Cannot."""
import hashlib
import json
import os
import sys
import time
import urllib.request


class Cannot(Exception):
    pass


def read(path):
    with open(path, 'rb') as file:
        return file.read()


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as file:
        file.write(data)
    return path


def fetch(url, method='GET', data=None):
    request = urllib.request.Request(url, method=method, data=data)
    with urllib.request.urlopen(request) as answer:
        return answer.read()


def tree_of(folder):
    found = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            found[os.path.relpath(path, folder)] = read(path)
    return found


class Steps:
    def __init__(self, client, stage):
        self.client = client
        self.stage = stage
        self.bucket = stage['bucket']
        self.folder = stage['folder']

    def round_trip(self, name, size):
        path = write(os.path.join(self.folder, name), os.urandom(size))
        self.client.upload(self.bucket, name, path)
        self.client.download(self.bucket, name, path + '.back')
        assert read(path + '.back') == read(path), name

    def zero(self):
        self.round_trip('zero', 0)

    def small(self):
        self.round_trip('small', 4096)

    def multipart(self):
        self.round_trip('large', self.stage['largeBytes'])

    def odd_keys(self):
        for name in self.stage['oddNames']:
            path = write(os.path.join(self.folder, 'odd', hashlib.md5(name.encode()).hexdigest()), name.encode())
            self.client.upload(self.bucket, 'odd/' + name, path)
        listed = self.client.keys(self.bucket, 'odd/')
        assert sorted(listed) == sorted('odd/' + name for name in self.stage['oddNames']), listed
        for key in listed:
            self.client.download(self.bucket, key, os.path.join(self.folder, 'odd.back'))
            assert read(os.path.join(self.folder, 'odd.back')) == key[4:].encode(), key

    def many(self):
        assert len(self.client.keys(self.bucket, 'many/')) == self.stage['manyCount']

    def presigned_get(self):
        url = self.client.presigned(self.bucket, 'small', 'GET')
        assert fetch(url) == read(os.path.join(self.folder, 'small'))

    def presigned_put(self):
        fetch(self.client.presigned(self.bucket, 'by-url', 'PUT'), 'PUT', b'by url')
        self.client.download(self.bucket, 'by-url', os.path.join(self.folder, 'by-url'))
        assert read(os.path.join(self.folder, 'by-url')) == b'by url'

    def versions(self):
        bucket = self.stage['versioned']
        self.client.enable_versioning(bucket)
        for text in (b'one', b'two'):
            self.client.upload(bucket, 'v', write(os.path.join(self.folder, 'v'), text))
        self.client.delete(bucket, 'v')
        versions, markers = self.client.versions(bucket)
        assert len(versions) == 2 and len(markers) == 1, (versions, markers)
        self.client.download(bucket, 'v', os.path.join(self.folder, 'v'), versions[1])
        assert read(os.path.join(self.folder, 'v')) == b'one'
        self.client.delete(bucket, 'v', markers[0])
        self.client.download(bucket, 'v', os.path.join(self.folder, 'v'))
        assert read(os.path.join(self.folder, 'v')) == b'two'

    def batch_delete(self):
        self.client.delete_all(self.bucket, self.client.keys(self.bucket, 'many/'))
        assert self.client.keys(self.bucket, 'many/') == []

    def mirror_up(self, folder):
        tree = tree_of(folder)
        for path in tree:
            self.client.upload(self.bucket, 'tree/' + path, os.path.join(folder, path))
        gone = [key for key in self.client.keys(self.bucket, 'tree/') if key[5:] not in tree]
        self.client.delete_all(self.bucket, gone)
        assert sorted(self.client.keys(self.bucket, 'tree/')) == sorted('tree/' + path for path in tree)

    def sync_up(self):
        folder = os.path.join(self.folder, 'tree')
        for number in range(30):
            write(os.path.join(folder, str(number % 3), 'file %d' % number), os.urandom(number * 100))
        self.mirror_up(folder)
        write(os.path.join(folder, '0', 'file 0'), b'changed')
        os.remove(os.path.join(folder, '2', 'file 2'))
        self.mirror_up(folder)

    def sync_down(self):
        folder = os.path.join(self.folder, 'tree.back')
        for key in self.client.keys(self.bucket, 'tree/'):
            path = write(os.path.join(folder, key[5:]), b'')
            self.client.download(self.bucket, key, path)
        assert tree_of(folder) == tree_of(os.path.join(self.folder, 'tree'))

    def checksums(self):
        self.client.checksums(self.bucket)


NAMES = {
    '0 bytes': 'zero',
    '4 KiB': 'small',
    'multipart': 'multipart',
    'odd keys': 'odd_keys',
    'over 1,000 keys': 'many',
    'presigned GET': 'presigned_get',
    'presigned PUT': 'presigned_put',
    'versions': 'versions',
    'batch delete': 'batch_delete',
    'sync up': 'sync_up',
    'sync down': 'sync_down',
    'checksums': 'checksums',
}


def main(make_client):
    stage = json.loads(sys.argv[1])
    steps = Steps(make_client(stage), stage)
    for step, name in NAMES.items():
        started = time.monotonic()
        result = {'step': step}
        try:
            getattr(steps, name)()
        except Cannot as cannot:
            result['cannot'] = str(cannot)
        except Exception as error:
            result['error'] = '%s: %s' % (type(error).__name__, error)
        result['ms'] = (time.monotonic() - started) * 1000
        print(json.dumps(result), flush=True)
