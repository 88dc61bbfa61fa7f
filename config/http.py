"""The web server's protocol: what is no HTTP at all is refused as every other error is."""

import json

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from config.problems import CONTENT_TYPE, Problem


class ProblemProtocol(HttpToolsProtocol):
    """For ``uvicorn --http config.http:ProblemProtocol``; uvicorn's own refusal is plain text."""

    def send_400_response(self, msg: str) -> None:
        """Answer what could not be parsed, and close the connection."""
        problem = Problem(400, "malformed_http", f"{msg} Send an HTTP/1.1 request.")
        body = json.dumps(problem.as_dict()).encode()
        headers = {
            "content-type": CONTENT_TYPE,
            "content-length": str(len(body)),
            "connection": "close",
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.transport.write(STATUS_LINE[400] + head.encode() + b"\r\n" + body)
        self.transport.close()
