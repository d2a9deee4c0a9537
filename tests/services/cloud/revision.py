"""An app that starts in milliseconds: every request is answered with what the process knows of itself."""

import json
import os
import socket
import time

with socket.socket() as listener:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(os.environ["PORT"])))
    listener.listen(50)
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as stream:
            request = stream.readline().split()
            if not request:
                continue
            headers = {}
            while line := stream.readline().strip():
                name, _, value = line.partition(b":")
                headers[name.decode().lower()] = value.strip().decode()
            body = stream.read(int(headers.get("content-length", 0)))
            if request[1] == b"/pause":
                while not os.path.exists(os.environ["PAUSE"]):
                    time.sleep(0.005)
            known = {"method": request[0].decode(), "path": request[1].decode(), "body": body.decode()}
            answer = json.dumps({**known, "headers": headers, "pid": os.getpid(), "env": dict(os.environ)}).encode()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))
