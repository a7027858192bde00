// Receives deliveries of posthorn and verifies their signature. .NET 6 or newer (or Mono), no packages.
using System;
using System.IO;
using System.Linq;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

public static class Receiver
{
    static readonly string[] Keys =
    {
        Environment.GetEnvironmentVariable("QSTASH_CURRENT_SIGNING_KEY"),
        Environment.GetEnvironmentVariable("QSTASH_NEXT_SIGNING_KEY"),
    };
    /// <summary>The exact URL that you publish to; unset: not compared.</summary>
    static readonly string Url = Environment.GetEnvironmentVariable("RECEIVER_URL");
    const int MaxBodyBytes = 10 * 1024 * 1024;

    sealed class Refused : Exception
    {
        public Refused(string reason) : base(reason) { }
    }

    static byte[] Decode(string text)
    {
        var padded = text.TrimEnd('=').Replace('-', '+').Replace('_', '/');
        try { return Convert.FromBase64String(padded.PadRight((padded.Length + 3) / 4 * 4, '=')); }
        catch (FormatException) { throw new Refused("the token cannot be read"); }
    }

    static string Encode(byte[] bytes)
    {
        return Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');
    }

    /// <summary>Takes as long for a wrong text as for the right one.</summary>
    static bool AreEqual(byte[] first, byte[] second)
    {
        return first.Length == second.Length && first.Zip(second, (a, b) => a ^ b).Aggregate(0, (sum, bit) => sum | bit) == 0;
    }

    /// <summary>A claim of a payload that is known to be posthorn's: it escapes nothing but quotes and backslashes.</summary>
    static string Claim(string payload, string name)
    {
        var found = Regex.Match(payload, "\"" + name + "\":(?:\"((?:[^\"\\\\]|\\\\.)*)\"|(\\d+))");
        return found.Groups[1].Success ? Regex.Replace(found.Groups[1].Value, @"\\(.)", "$1") : found.Groups[2].Value;
    }

    /// <summary>The claims of a token that one of the keys has signed and that is valid now.</summary>
    static string ClaimsOf(string token)
    {
        var parts = (token ?? "").Split('.');
        if (parts.Length != 3) throw new Refused("there is no token");
        if (Claim(Encoding.UTF8.GetString(Decode(parts[0])), "alg") != "HS256") throw new Refused("the algorithm is not HS256");
        var signature = Decode(parts[2]);
        var isSigned = Keys.Where(key => !string.IsNullOrEmpty(key)).Any(key =>
        {
            using (var hmac = new HMACSHA256(Encoding.UTF8.GetBytes(key)))
                return AreEqual(hmac.ComputeHash(Encoding.ASCII.GetBytes(parts[0] + "." + parts[1])), signature);
        });
        if (!isSigned) throw new Refused("the signature is wrong");
        var payload = Encoding.UTF8.GetString(Decode(parts[1]));
        var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        if (Claim(payload, "iss") != "Upstash" || now < long.Parse(Claim(payload, "nbf")) || now >= long.Parse(Claim(payload, "exp")))
            throw new Refused("the token is not valid now");
        if (Url != null && Claim(payload, "sub") != Url) throw new Refused("the token was made for another URL");
        return payload;
    }

    static bool IsBodyOf(string claims, byte[] body)
    {
        using (var sha256 = SHA256.Create()) return Encode(sha256.ComputeHash(body)) == Claim(claims, "body").TrimEnd('=');
    }

    static byte[] ReadBody(Stream stream)
    {
        var body = new MemoryStream();
        var piece = new byte[64 * 1024];
        for (int length; (length = stream.Read(piece, 0, piece.Length)) > 0 && body.Length <= MaxBodyBytes;)
            body.Write(piece, 0, length);
        return body.ToArray();
    }

    static void Receive(HttpListenerContext context)
    {
        try
        {
            // The token needs no body: nothing is read for a stranger.
            var claims = ClaimsOf(context.Request.Headers["Upstash-Signature"]);
            var body = ReadBody(context.Request.InputStream);
            if (body.Length > MaxBodyBytes) Answer(context, 413, "refused: the body is too large");
            else if (!IsBodyOf(claims, body)) Answer(context, 403, "refused: the body is not the signed one");
            // Your work goes here. A delivery may come twice: Upstash-Message-Id is the same then.
            else Answer(context, 200, "received " + context.Request.Headers["Upstash-Message-Id"] + ": " + body.Length + " bytes");
        }
        catch (Refused refused) { Answer(context, 403, "refused: " + refused.Message); }
    }

    static void Answer(HttpListenerContext context, int status, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        context.Response.StatusCode = status;
        context.Response.ContentLength64 = bytes.Length;
        context.Response.OutputStream.Write(bytes, 0, bytes.Length);
        context.Response.Close();
    }

    public static void Main()
    {
        var listener = new HttpListener();
        listener.Prefixes.Add("http://127.0.0.1:" + (Environment.GetEnvironmentVariable("PORT") ?? "3000") + "/");
        listener.Start();
        while (true)
        {
            var context = listener.GetContext();
            System.Threading.ThreadPool.QueueUserWorkItem(_ => Receive(context));
        }
    }
}
