"""Serves a Django site on 127.0.0.1: `serve.py PORT LOG`, port 0 for any that is free.

It writes its port on standard output once it listens, a line into LOG for every request that arrives, and ends when its
standard input does: it cannot outlive the test that started it.
"""

import os
import sys
import threading

from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


def end_with_the_test():
    sys.stdin.buffer.read()
    os._exit(0)


def main(port, log):
    application = get_wsgi_application()
    lines = open(log, "a", encoding="utf-8", buffering=1)

    def logged(environ, start_response):
        query = environ.get("QUERY_STRING")
        lines.write(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}{'?' if query else ''}{query}\n")
        return application(environ, start_response)

    threading.Thread(target=end_with_the_test, daemon=True).start()
    server = ThreadedWSGIServer(("127.0.0.1", port), Quiet)
    server.set_app(logged)
    print(server.server_port, flush=True)
    server.serve_forever()


main(int(sys.argv[1]), sys.argv[2])
