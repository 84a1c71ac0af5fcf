"""Probe."""
import socket, time, threading
from tests.web.callers import *
from tests.web.callers import send, caller
from tests.web.serving import serving
from tests import cast as c
from dataclasses import replace
def show(name, reply):
    print(name, reply.status, reply.headers, len(reply.body), reply.body[:200])
def raw(server, data, wait=1.0):
    with server.connect() as s:
        s.sendall(data); s.settimeout(wait); out=b""
        try:
            while piece := s.recv(65536): out += piece
        except (TimeoutError, ConnectionError) as e: out += repr(e).encode()
    return out
def slow(server, target):
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096); s.connect(("127.0.0.1", server.port))
    s.sendall(b"GET "+target.encode()+b" HTTP/1.1\r\nhost: x\r\n\r\n")
    return s
def test_probe(server, cast, acme):
    a = cast.acme
    for n in (9<<20, 30<<20, 100<<20):
        try: show("toolarge", acme.ask("ivr/uploadFile?vdnId=4", {"data": "A"*n}))
        except Exception as e: print("toolarge", n, repr(e))
    print("half body", raw(server, b"POST "+BASE.encode()+b"downloadRecord HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nabc", 0.3))
    big = [c.a_law(1, 4000)]
    # zip of many large members: reuse large rows
    from ccfs.store import recordings
    node = server.node
    with node.database.writing() as conn:
        for i in range(6):
            kept = node.disk.keep(f"1/big/{i}.v3", big)
            recordings.add(conn, a.app, replace(a.large, call_id="big", file_name=a.large.file_name+str(i), original_file_name="Y:/big"+str(i), kept=kept), c.BEGIN)
    body = enveloped({"callId": "big"})
    t = BASE+"downloadRecord"
    headers = acme.signed(t, body)
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096); s.connect(("127.0.0.1", server.port))
    s.sendall(f"POST {t} HTTP/1.1\r\n".encode()+"".join(f"{k}: {v}\r\n" for k,v in headers.items()).encode()+b"\r\n"+body)
    print(s.recv(600)[:100]); time.sleep(0.3); s.close(); time.sleep(0.5)
    # vanish in the middle
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096); s.connect(("127.0.0.1", server.port))
    s.sendall(f"POST {t} HTTP/1.1\r\n".encode()+"".join(f"{k}: {v}\r\n" for k,v in headers.items()).encode()+b"\r\n"+body)
    print(s.recv(600)[:400]); time.sleep(0.3)
    import os; os.truncate(node.disk.path("1/big/4.v3"), 100)
    n=0; s.settimeout(5)
    try:
        while p:=s.recv(1<<20): n+=len(p)
    except Exception as e: print(repr(e))
    print("got", n)
    s.close(); time.sleep(0.3)
    print(server.log_text()[-3000:])
