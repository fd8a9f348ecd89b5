"""The hub's cache, between huggingface_hub and Motet, both ways; nothing leaves this machine.

    MOTET_INTEROP_OUTPUT=/tmp/hub swift test --filter HubInteropTests    what Motet wrote, in /tmp/hub/motet
    python Tests/Fixtures/hub_cache.py read /tmp/hub/motet               huggingface_hub finds, and lists, all of it
    python Tests/Fixtures/hub_cache.py write /tmp/hub/python             huggingface_hub pulls from a server of its routes
    MOTET_INTEROP_INPUT=/tmp/hub/python swift test --filter HubInteropTests    Motet finds that, and fetches nothing

Packages: huggingface_hub==2.4.0.
"""
import hashlib, json, os, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "c3" * 20
FILES = {
    "config.json": b'{"model_type": "llama"}', "tokenizer.json": b"{}",
    "model.safetensors": bytes((i * 31) & 255 for i in range(300_000)),
}
LARGE = {"model.safetensors"}


def tag(name):
    data = FILES[name]
    if name in LARGE:
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Hub(BaseHTTPRequestHandler):
    """The routes that snapshot_download asks for."""
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.answer(True)

    def answer(self, has_body):
        path, api, start = self.path.split("?")[0], "/api/models/org/tiny", f"/org/tiny/resolve/{COMMIT}/"
        headers, status = {}, 200
        if path.startswith(api + "/tree/"):
            entries = [{"type": "file", "path": name, "size": len(data), "oid": tag(name)} for name, data in FILES.items()]
            for entry in entries:
                if entry["path"] in LARGE:
                    entry["lfs"] = {"oid": tag(entry["path"]), "size": entry["size"], "pointerSize": 130}
            body = json.dumps(entries).encode()
        elif path == api or path.startswith(api + "/revision/"):
            siblings = [{"rfilename": name} for name in FILES]
            body = json.dumps({"id": "org/tiny", "sha": COMMIT, "siblings": siblings}).encode()
        elif path.startswith(start) and path[len(start):] in FILES:
            name = path[len(start):]
            body = FILES[name]
            headers = {"ETag": f'"{tag(name)}"', "X-Repo-Commit": COMMIT}
            if name in LARGE:
                headers |= {"X-Linked-ETag": f'"{tag(name)}"', "X-Linked-Size": str(len(body))}
        else:
            status, body, headers = 404, b"", {"X-Error-Code": "EntryNotFound"}
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        if has_body:
            self.wfile.write(body)


def write(cache):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["HF_ENDPOINT"] = f"http://127.0.0.1:{server.server_port}"
    from huggingface_hub import snapshot_download
    print(snapshot_download("org/tiny", cache_dir=cache, endpoint=os.environ["HF_ENDPOINT"]))
    server.shutdown()


def read(cache):
    os.environ["HF_HUB_OFFLINE"] = "1"
    from huggingface_hub import hf_hub_download, scan_cache_dir, snapshot_download, try_to_load_from_cache
    folder = snapshot_download("org/tiny", cache_dir=cache, local_files_only=True)
    names = sorted(os.listdir(folder))
    assert names == ["config.json", "model.safetensors", "tokenizer.json"], names
    for name in names:
        place = hf_hub_download("org/tiny", name, cache_dir=cache, local_files_only=True)
        assert place == try_to_load_from_cache("org/tiny", name, cache_dir=cache) == os.path.join(folder, name)
        blob = os.path.basename(os.path.realpath(place))
        with open(place, "rb") as file:
            data = file.read()
        git = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        assert blob in (git, hashlib.sha256(data).hexdigest()), name
    info = scan_cache_dir(cache)
    assert not info.warnings, info.warnings
    (repository,) = info.repos
    (revision,) = repository.revisions
    assert repository.repo_id == "org/tiny" and repository.repo_type == "model", repository
    assert revision.refs == {"main"} and {f.file_name for f in revision.files} == set(names), revision
    print(f"huggingface_hub reads {len(names)} files, {info.size_on_disk} bytes, commit {revision.commit_hash}")


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](sys.argv[2])
