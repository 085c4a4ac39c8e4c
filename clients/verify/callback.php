<?php

declare(strict_types=1);

// Callbacks of Darkroom in PHP 8: whether one is authentic, and whether it is new.

const DARKROOM_TOLERANCE_SECONDS = 5 * 60;

/**
 * Tell what to do with a callback: 'new', 'repeated' or 'refused', and the status it brings.
 *
 * @param string $secret the webhook secret of your service, whsec_…
 * @param array<string, string> $headers with any case of names, as getallheaders() gives them
 * @param string $body the bytes as they came: file_get_contents('php://input')
 * @param callable(string): bool $remember stores an id; false if it was known
 * @return array{verdict: string, process?: array<string, mixed>}
 */
function darkroom_read_callback(string $secret, array $headers, string $body, callable $remember): array
{
    $headers = array_change_key_case($headers);
    $id = $headers['webhook-id'] ?? '';
    $time = $headers['webhook-timestamp'] ?? '';
    if ($id === '' || !preg_match('/^\d{1,12}$/D', $time)) {
        return ['verdict' => 'refused'];
    }
    if (abs(time() - (int) $time) > DARKROOM_TOLERANCE_SECONDS) {
        return ['verdict' => 'refused'];
    }
    $key = base64_decode(preg_replace('/^whsec_/', '', $secret), true);
    if ($key === false) {
        throw new InvalidArgumentException('The webhook secret is not base64');
    }
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$time.$body", $key, true));
    // every signature is compared, each in constant time: two are sent while a secret is rotated
    $authentic = false;
    foreach (explode(' ', $headers['webhook-signature'] ?? '') as $each) {
        $authentic = hash_equals($expected, $each) || $authentic;
    }
    if (!$authentic) {
        return ['verdict' => 'refused'];
    }
    if (!$remember($id)) {
        return ['verdict' => 'repeated'];
    }
    return ['verdict' => 'new', 'process' => json_decode($body, true, flags: JSON_THROW_ON_ERROR)];
}
