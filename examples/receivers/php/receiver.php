<?php
// Receives deliveries of posthorn and verifies their signature. PHP 8.0 or newer, no packages.
// Try it with: php -S 127.0.0.1:3000 receiver.php

const MAX_BODY_BYTES = 10 * 1024 * 1024;

function decode(string $text): string
{
    return (string) base64_decode(strtr($text, '-_', '+/'), true);
}

/** The claims of a token that one of the keys has signed and that is valid now. */
function claims_of(string $token): array
{
    $parts = explode('.', $token);
    if (count($parts) !== 3) {
        throw new Exception('there is no token');
    }
    [$head, $payload, $signature] = $parts;
    if ((json_decode(decode($head), true)['alg'] ?? '') !== 'HS256') {
        throw new Exception('the algorithm is not HS256');
    }
    $is_signed = false;
    foreach ([getenv('QSTASH_CURRENT_SIGNING_KEY'), getenv('QSTASH_NEXT_SIGNING_KEY')] as $key) {
        $expected = hash_hmac('sha256', "$head.$payload", (string) $key, true);
        $is_signed = $is_signed || ($key && hash_equals($expected, decode($signature)));
    }
    if (!$is_signed) {
        throw new Exception('the signature is wrong');
    }
    $claims = json_decode(decode($payload), true);
    if ($claims['iss'] !== 'Upstash' || time() < $claims['nbf'] || time() >= $claims['exp']) {
        throw new Exception('the token is not valid now');
    }
    $url = getenv('RECEIVER_URL'); // the exact URL that you publish to; unset: not compared
    if ($url && $claims['sub'] !== $url) {
        throw new Exception('the token was made for another URL');
    }
    return $claims;
}

function is_body_of(array $claims, string $body): bool
{
    $digest = strtr(base64_encode(hash('sha256', $body, true)), '+/', '-_');
    return hash_equals(rtrim($digest, '='), rtrim($claims['body'], '='));
}

function answer(int $status, string $text): void
{
    http_response_code($status);
    echo $text;
}

try { // The token needs no body: nothing is read for a stranger.
    $claims = claims_of($_SERVER['HTTP_UPSTASH_SIGNATURE'] ?? '');
} catch (Exception $error) {
    answer(403, "refused: {$error->getMessage()}");
    return;
}
$body = (string) file_get_contents('php://input', false, null, 0, MAX_BODY_BYTES + 1);
if (strlen($body) > MAX_BODY_BYTES) {
    answer(413, 'refused: the body is too large');
} elseif (!is_body_of($claims, $body)) {
    answer(403, 'refused: the body is not the signed one');
} else {
    // Your work goes here. A delivery may come twice: Upstash-Message-Id is the same then.
    $id = $_SERVER['HTTP_UPSTASH_MESSAGE_ID'] ?? '';
    answer(200, "received $id: " . strlen($body) . ' bytes');
}
