# Receives deliveries of posthorn and verifies their signature. Ruby 3.0 or newer; WEBrick serves it (gem install webrick).
require "base64"
require "json"
require "openssl"
require "webrick"

KEYS = [ENV.fetch("QSTASH_CURRENT_SIGNING_KEY"), ENV.fetch("QSTASH_NEXT_SIGNING_KEY")].freeze
abort "QSTASH_CURRENT_SIGNING_KEY, QSTASH_NEXT_SIGNING_KEY: must not be empty: anybody can sign with an empty key" if KEYS.include?("")
URL = ENV["RECEIVER_URL"] # the exact URL that you publish to; unset: not compared
MAX_BODY_BYTES = 10 * 1024 * 1024

class Refused < StandardError; end

def decode(text) = Base64.urlsafe_decode64(text)

# The claims of a token that one of the keys has signed and that is valid now.
def claims_of(token)
  head, payload, signature, rest = token.split(".", -1)
  raise Refused, "there is no token" if signature.nil? || rest
  raise Refused, "the algorithm is not HS256" unless JSON.parse(decode(head))["alg"] == "HS256"

  signed = KEYS.any? do |key|
    OpenSSL.secure_compare(OpenSSL::HMAC.digest("SHA256", key, "#{head}.#{payload}"), decode(signature))
  end
  raise Refused, "the signature is wrong" unless signed

  claims = JSON.parse(decode(payload))
  now = Time.now.to_i
  valid = claims["iss"] == "Upstash" && claims["nbf"] <= now && now < claims["exp"]
  raise Refused, "the token is not valid now" unless valid
  raise Refused, "the token was made for another URL" if URL && claims["sub"] != URL

  claims
rescue ArgumentError, JSON::ParserError
  raise Refused, "the token cannot be read"
end

def body_of?(claims, body)
  digest = Base64.urlsafe_encode64(OpenSSL::Digest::SHA256.digest(body), padding: false)
  OpenSSL.secure_compare(digest, claims["body"].delete("="))
end

class Receiver < WEBrick::HTTPServlet::AbstractServlet
  def do_POST(request, response)
    # The token needs no body: nothing is read for a stranger.
    claims = claims_of(request["Upstash-Signature"].to_s)
    body = +"".b
    request.body do |piece|
      body << piece
      return answer(response, 413, "refused: the body is too large") if body.bytesize > MAX_BODY_BYTES
    end
    return answer(response, 403, "refused: the body is not the signed one") unless body_of?(claims, body)

    # Your work goes here. A delivery may come twice: Upstash-Message-Id is the same then.
    answer(response, 200, "received #{request["Upstash-Message-Id"]}: #{body.bytesize} bytes")
  rescue Refused => e
    answer(response, 403, "refused: #{e.message}")
  end

  def answer(response, status, text)
    response.status = status
    response.body = text
  end
end

server = WEBrick::HTTPServer.new(BindAddress: "127.0.0.1", Port: ENV.fetch("PORT", "3000").to_i, AccessLog: [])
server.mount("/", Receiver)
trap("TERM") { server.shutdown }
server.start
