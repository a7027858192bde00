"""Receives deliveries of posthorn and verifies their signature. Python 3.8 or newer, standard library only."""
import base64, hashlib, hmac, json, os, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEYS = [os.environ["QSTASH_CURRENT_SIGNING_KEY"], os.environ["QSTASH_NEXT_SIGNING_KEY"]]
if "" in KEYS:
    raise SystemExit("QSTASH_CURRENT_SIGNING_KEY, QSTASH_NEXT_SIGNING_KEY: must not be empty: anybody can sign with an empty key")
URL = os.environ.get("RECEIVER_URL")  # the exact URL that you publish to; unset: not compared
MAX_BODY_BYTES = 10 * 1024 * 1024


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def claims_of(token):
    """The claims of a token that one of the keys has signed and that is valid now."""
    head, payload, signature = token.split(".")
    if json.loads(decode(head)).get("alg") != "HS256":
        raise ValueError("the algorithm is not HS256")
    signed = f"{head}.{payload}".encode()
    if not any(hmac.compare_digest(hmac.digest(key.encode(), signed, "sha256"), decode(signature)) for key in KEYS):
        raise ValueError("the signature is wrong")
    claims = json.loads(decode(payload))
    if claims["iss"] != "Upstash" or not claims["nbf"] <= time.time() < claims["exp"]:
        raise ValueError("the token is not valid now")
    if URL is not None and claims["sub"] != URL:
        raise ValueError("the token was made for another URL")
    return claims


def is_body_of(claims, body):
    digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=")
    return hmac.compare_digest(digest, claims["body"].rstrip("=").encode())


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        try:  # The token needs no body: nothing is read for a stranger.
            claims = claims_of(self.headers.get("Upstash-Signature", ""))
        except Exception as error:
            return self.answer(403, f"refused: {error}")
        length = int(self.headers.get("Content-Length", 0))
        if length > MAX_BODY_BYTES:
            return self.answer(413, "refused: the body is too large")
        body = self.rfile.read(length)
        if not is_body_of(claims, body):
            return self.answer(403, "refused: the body is not the signed one")
        # Your work goes here. A delivery may come twice: Upstash-Message-Id is the same then.
        self.answer(200, f"received {self.headers.get('Upstash-Message-Id')}: {len(body)} bytes")

    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", 3000))), Receiver).serve_forever()
