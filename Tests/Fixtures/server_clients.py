#!/usr/bin/env python3
"""Talks to `motet serve` with the clients that people use: openai (sync, async, streams, JSON schema), requests, curl,
and prometheus_client's parser; then ends it with SIGTERM while an answer is under way. Then with keys, and over TLS.

    pip install openai requests prometheus_client
    python3 Tests/Fixtures/server_clients.py .build/release/motet [--base B] [--adapters DIR]

With --adapters, each folder of DIR is an adapter. Exits with 1 at the first thing that is not as it should be.
"""
import argparse
import asyncio
import json
import os
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

import openai
import requests
from prometheus_client.parser import text_string_to_metric_families


def start(motet, base, adapters, *more):
    command = [motet, "serve", "--base", base, "--port", "0", "--json", *more]
    if adapters:
        command += ["--adapters", adapters]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=open("server.log", "w"), text=True)
    line = process.stdout.readline()
    assert line, open("server.log").read()
    return process, json.loads(line)["listening"], json.loads(line)["base"]


def openai_client(url, base, adapter):
    client = openai.OpenAI(base_url=url + "/v1", api_key="none", max_retries=0)
    ids = [model.id for model in client.models.list()]
    assert base in ids and (adapter is None or adapter in ids), ids
    messages = [{"role": "user", "content": "What is the capital of France?"}]
    for model in [base] + ([adapter, f"{adapter}=0.5"] if adapter else []):
        answer = client.chat.completions.create(model=model, messages=messages, max_tokens=24, temperature=0)
        assert answer.choices[0].message.content and answer.usage.completion_tokens <= 24
        assert answer.motet["mix"].split("=")[0] in (model.split("=")[0], "base")
        text, usage, finish = "", None, None
        for chunk in client.chat.completions.create(
            model=model, messages=messages, max_tokens=24, temperature=0, stream=True,
            stream_options={"include_usage": True},
        ):
            if chunk.choices:
                text += chunk.choices[0].delta.content or ""
                finish = chunk.choices[0].finish_reason or finish
            usage = chunk.usage or usage
        assert text == answer.choices[0].message.content, (text, answer.choices[0].message.content)
        assert usage.total_tokens == answer.usage.total_tokens and finish == answer.choices[0].finish_reason
    told = client.chat.completions.create(
        model=base, messages=messages, max_tokens=4, temperature=0, logprobs=True, top_logprobs=3)
    for token in told.choices[0].logprobs.content:
        assert token.logprob <= 0 and len(token.top_logprobs) == 3
        assert bytes(token.bytes).decode(errors="replace") == token.token
    pair = client.completions.create(model=base, prompt=["Once", "Twice"], n=2, max_tokens=3, seed=1, logprobs=2, echo=False)
    assert len(pair.choices) == 4 and pair.choices[0].logprobs.tokens
    schema = {
        "type": "object", "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
        "required": ["city", "people"], "additionalProperties": False,
    }
    made = client.chat.completions.create(
        model=base, messages=[{"role": "user", "content": "Paris as JSON"}], max_tokens=120, temperature=0,
        response_format={"type": "json_schema", "json_schema": {"name": "city", "schema": schema}})
    if made.choices[0].finish_reason == "stop":
        value = json.loads(made.choices[0].message.content)
        assert list(value) == ["city", "people"] and isinstance(value["people"], int), value
    vectors = client.embeddings.create(model=base, input=["one", "two"])
    floats = client.embeddings.create(model=base, input=["one", "two"], encoding_format="float")
    assert max(abs(a - b) for a, b in zip(vectors.data[1].embedding, floats.data[1].embedding)) < 1e-6
    for wrong, kind in [
        (dict(model="no-such-model"), openai.NotFoundError), (dict(model=base, temperature=9), openai.BadRequestError),
        (dict(model=base, tools=[{"type": "function", "function": {"name": "f"}}]), openai.BadRequestError),
    ]:
        try:
            client.chat.completions.create(messages=messages, **wrong)
            raise SystemExit(f"{wrong} was taken")
        except kind as error:
            assert error.body["message"], error
    return answer.id


async def many(url, base, adapter):
    client = openai.AsyncOpenAI(base_url=url + "/v1", api_key="none", max_retries=0)
    models = [base] + ([adapter] if adapter else [])

    async def one(index):
        answer = await client.chat.completions.create(
            model=models[index % len(models)], max_tokens=16, temperature=0,
            messages=[{"role": "user", "content": f"Count from {index}"}])
        return answer.choices[0].message.content

    assert all(await asyncio.gather(*[one(index) for index in range(16)]))
    stream = await client.chat.completions.create(
        model=base, messages=[{"role": "user", "content": "Tell a story"}], max_tokens=500, stream=True)
    async for _ in stream:
        break
    await stream.close()


def raw(url, head, body):
    """Sends bytes as they are: the open socket."""
    peer = socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), timeout=10)
    peer.sendall(
        f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{head}\r\n\r\n".encode()
        + body)
    return peer


def plain(url, base, answer):
    assert requests.get(url + "/health").json() == {"status": "ok"}
    tokens = requests.post(url + "/tokenize", json={"prompt": "Hello world"}).json()["tokens"]
    assert requests.post(url + "/detokenize", json={"tokens": tokens}).json()["prompt"] == "Hello world"
    assert requests.post(url + "/feedback", json={"id": answer, "score": "up"}).status_code == 200
    large = requests.post(url + "/v1/completions", data=b" " * 100_000_000, headers={"Content-Type": "application/json"})
    assert large.status_code == 413 and large.json()["error"]["code"] == "body_too_large"
    for body in [b"zz\r\n{}\r\n0\r\n\r\n", b"2\r\n{}xx\r\n0\r\n\r\n"]:
        with raw(url, "Transfer-Encoding: chunked", body) as peer:
            told = peer.recv(1000)
            assert told.startswith(b"HTTP/1.1 400 "), told
    curl = subprocess.run(
        ["curl", "-sS", "-i", "-H", "Content-Type: application/json", "-H", "X-Request-Id: curl-1", "-d",
         json.dumps({"prompt": "Once", "max_tokens": 3}), url + "/v1/completions"],
        capture_output=True, text=True, check=True).stdout
    assert "X-Request-Id: curl-1" in curl and '"text_completion"' in curl, curl
    text = requests.get(url + "/metrics").text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    for name in ["motet_http_requests", "motet_requests", "motet_step_rows", "motet_first_token_seconds", "motet_feedback"]:
        assert name in families and families[name].samples, (name, sorted(families))
    assert families["motet_first_token_seconds"].type == "histogram"
    print(f"metrics: {len(families)} families")


def gone(url, base):
    """A client that leaves frees its row."""
    for stream in (True, False):
        try:
            with requests.post(
                url + "/v1/completions", stream=stream, timeout=0.5 if not stream else 10,
                json={"prompt": "Once", "max_tokens": 4000, "ignore_eos": True, "stream": stream},
            ) as reply:
                next(reply.iter_lines())
        except requests.exceptions.Timeout:
            pass
    # Those who leave before the server has looked at what they sent.
    body = json.dumps({"prompt": "Once", "max_tokens": 4000, "ignore_eos": True}).encode()
    for _ in range(10):
        raw(url, f"Content-Length: {len(body)}", body).close()
    time.sleep(0.5)
    for _ in range(100):
        if requests.get(url + "/ready").json()["running"] == 0:
            return
        time.sleep(0.05)
    raise SystemExit("a row stays taken when its client has gone")


def drain(process, url):
    """SIGTERM: the answer under way ends, new ones are refused, exit 0."""
    result = {}

    def ask():
        result["reply"] = requests.post(
            url + "/v1/completions", json={"prompt": "Once", "max_tokens": 150, "ignore_eos": True})

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    thread.join()
    assert result["reply"].status_code == 200, result["reply"].text
    assert result["reply"].json()["usage"]["completion_tokens"] == 150
    assert process.wait(timeout=30) == 0, process.returncode


def with_keys(motet, base):
    with tempfile.TemporaryDirectory() as folder:
        keys = os.path.join(folder, "keys")
        admin = subprocess.run(
            [motet, "keys", "new", "root", "--admin", "--file", keys], capture_output=True, text=True, check=True
        ).stdout.strip()
        user = subprocess.run(
            [motet, "keys", "new", "user", "--adapters", "none", "--file", keys], capture_output=True, text=True,
            check=True).stdout.strip()
        assert admin not in open(keys).read() and os.stat(keys).st_mode & 0o077 == 0
        refused = subprocess.run([motet, "serve", "--host", "0.0.0.0"], capture_output=True, text=True)
        assert refused.returncode == 1 and "--api-keys" in refused.stderr, refused
        process, url, base = start(motet, base, None, "--api-keys", keys)
        try:
            client = openai.OpenAI(base_url=url + "/v1", api_key=user, max_retries=0)
            assert client.models.list().data
            for key, status in [("wrong", 401), (user, 403), (admin, 200)]:
                found = requests.get(url + "/metrics", headers={"Authorization": f"Bearer {key}"}).status_code
                assert found == status, (key, found)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()


def with_tls(motet, base):
    """A certificate of our own: clients that trust it get answers, those who do not and those without TLS get none."""
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = os.path.join(folder, "server.crt"), os.path.join(folder, "server.key")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], capture_output=True, check=True)
        half = subprocess.run(
            [motet, "serve", "--base", base, "--tls-cert", certificate], capture_output=True, text=True)
        assert half.returncode == 64 and "--tls-key" in half.stderr, half
        wrong = subprocess.run(
            [motet, "serve", "--base", base, "--tls-cert", certificate, "--tls-key", certificate],
            capture_output=True, text=True)
        assert wrong.returncode == 1 and "server.crt" in wrong.stderr, wrong
        process, url, base = start(motet, base, None, "--tls-cert", certificate, "--tls-key", key)
        try:
            assert url.startswith("https://"), url
            assert requests.get(url + "/health", verify=certificate).json() == {"status": "ok"}
            client = openai.OpenAI(
                base_url=url.replace("127.0.0.1", "localhost") + "/v1", api_key="none", max_retries=0,
                http_client=openai.DefaultHttpxClient(verify=ssl.create_default_context(cafile=certificate)))
            messages = [{"role": "user", "content": "What is the capital of France?"}]
            asked = dict(model=base, messages=messages, max_tokens=16, temperature=0)
            whole = client.chat.completions.create(**asked).choices[0].message.content
            pieces = [
                chunk.choices[0].delta.content or "" for chunk in client.chat.completions.create(stream=True, **asked)]
            assert whole and "".join(pieces) == whole, (pieces, whole)
            # More than one TLS record both ways.
            long = requests.post(
                url + "/tokenize", json={"prompt": "word " * 50_000}, verify=certificate).json()["tokens"]
            assert len(long) >= 50_000, len(long)
            plain = url.replace("https", "http")
            for address, kind in [
                (url, requests.exceptions.SSLError), (plain, requests.exceptions.ConnectionError),
            ]:
                try:
                    requests.get(address + "/health", timeout=10)
                    raise SystemExit(f"{address} answered a client that does not trust it")
                except kind:
                    pass
            # One who says nothing, and one who breaks off, hold up nobody.
            port = int(url.rsplit(":", 1)[1])
            silent = socket.create_connection(("127.0.0.1", port))
            with socket.create_connection(("127.0.0.1", port)) as broken:
                broken.sendall(b"\x16\x03\x01\x02\x00\x01")
            assert requests.get(url + "/ready", verify=certificate, timeout=10).status_code == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0, process.returncode
            silent.close()
        finally:
            process.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("motet")
    parser.add_argument("--base", default="smollm2-135m-instruct")
    parser.add_argument("--adapters")
    options = parser.parse_args()
    process, url, base = start(options.motet, options.base, options.adapters)
    adapter = sorted(os.listdir(options.adapters))[0] if options.adapters else None
    try:
        answer = openai_client(url, base, adapter)
        print("openai: sync, streams, logprobs, schema, embeddings, errors")
        asyncio.run(many(url, base, adapter))
        print("openai: async, 16 at once, one left in the middle")
        plain(url, base, answer)
        print("requests, curl, 100 MB body")
        gone(url, base)
        print("a client that leaves frees its row")
        drain(process, url)
        print("SIGTERM drains")
    finally:
        process.kill()
    with_keys(options.motet, options.base)
    print("keys")
    with_tls(options.motet, options.base)
    print("TLS")


if __name__ == "__main__":
    main()
