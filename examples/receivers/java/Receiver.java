// Receives deliveries of posthorn and verifies their signature. Java 17 or newer, no packages: java Receiver.java
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public class Receiver {
    static final List<String> KEYS =
        List.of(System.getenv("QSTASH_CURRENT_SIGNING_KEY"), System.getenv("QSTASH_NEXT_SIGNING_KEY"));
    /** The exact URL that you publish to; unset: not compared. */
    static final String URL = System.getenv("RECEIVER_URL");
    static final int MAX_BODY_BYTES = 10 * 1024 * 1024;

    static class Refused extends Exception {
        Refused(String reason) {
            super(reason);
        }
    }

    static byte[] decode(String text) throws Refused {
        try {
            return Base64.getUrlDecoder().decode(text);
        } catch (IllegalArgumentException error) {
            throw new Refused("the token cannot be read");
        }
    }

    /** A claim of a payload that is known to be posthorn's: it escapes nothing but quotes and backslashes of a URL. */
    static String claim(String payload, String name) {
        var found = Pattern.compile("\"" + name + "\":(?:\"((?:[^\"\\\\]|\\\\.)*)\"|(\\d+))").matcher(payload);
        if (!found.find()) return "";
        return found.group(1) == null ? found.group(2) : found.group(1).replaceAll("\\\\(.)", "$1");
    }

    /** The claims of a token that one of the keys has signed and that is valid now. */
    static String claimsOf(String token) throws Refused, GeneralSecurityException {
        String[] parts = token == null ? new String[0] : token.split("\\.", -1);
        if (parts.length != 3) throw new Refused("there is no token");
        String head = new String(decode(parts[0]), StandardCharsets.UTF_8);
        if (!claim(head, "alg").equals("HS256")) throw new Refused("the algorithm is not HS256");
        boolean isSigned = false;
        for (String key : KEYS) {
            // Anybody can sign with an empty key.
            if (key.isEmpty()) continue;
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
            byte[] expected = mac.doFinal((parts[0] + "." + parts[1]).getBytes(StandardCharsets.US_ASCII));
            isSigned |= MessageDigest.isEqual(expected, decode(parts[2]));
        }
        if (!isSigned) throw new Refused("the signature is wrong");
        String payload = new String(decode(parts[1]), StandardCharsets.UTF_8);
        long now = System.currentTimeMillis() / 1000;
        boolean isValid = claim(payload, "iss").equals("Upstash")
            && now >= Long.parseLong(claim(payload, "nbf")) && now < Long.parseLong(claim(payload, "exp"));
        if (!isValid) throw new Refused("the token is not valid now");
        if (URL != null && !claim(payload, "sub").equals(URL)) throw new Refused("the token was made for another URL");
        return payload;
    }

    static boolean isBodyOf(String claims, byte[] body) throws GeneralSecurityException {
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(body);
        String expected = Base64.getUrlEncoder().withoutPadding().encodeToString(digest);
        return expected.equals(claim(claims, "body").replace("=", ""));
    }

    static void receive(HttpExchange exchange) throws IOException {
        try (exchange) {
            handle(exchange);
        }
    }

    static void handle(HttpExchange exchange) throws IOException {
        var headers = exchange.getRequestHeaders();
        try {
            // The token needs no body: nothing is read for a stranger.
            String claims = claimsOf(headers.getFirst("Upstash-Signature"));
            byte[] body = exchange.getRequestBody().readNBytes(MAX_BODY_BYTES + 1);
            if (body.length > MAX_BODY_BYTES) {
                answer(exchange, 413, "refused: the body is too large");
            } else if (!isBodyOf(claims, body)) {
                answer(exchange, 403, "refused: the body is not the signed one");
            } else {
                // Your work goes here. A delivery may come twice: Upstash-Message-Id is the same then.
                answer(exchange, 200, "received " + headers.getFirst("Upstash-Message-Id") + ": " + body.length + " bytes");
            }
        } catch (Refused refused) {
            answer(exchange, 403, "refused: " + refused.getMessage());
        } catch (GeneralSecurityException error) {
            answer(exchange, 500, "HMAC-SHA256 is not available");
        }
    }

    static void answer(HttpExchange exchange, int status, String text) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(status, bytes.length);
        exchange.getResponseBody().write(bytes);
    }

    public static void main(String[] arguments) throws IOException {
        int port = Integer.parseInt(System.getenv().getOrDefault("PORT", "3000"));
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 0);
        server.createContext("/", Receiver::receive);
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.start();
    }
}
