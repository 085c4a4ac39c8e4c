<?php

require __DIR__ . '/callback.php';

$known = [];
$remember = function (string $id) use (&$known): bool {
    $fresh = !isset($known[$id]);
    $known[$id] = true;
    return $fresh;
};
foreach (json_decode(stream_get_contents(STDIN), true) as $each) {
    $body = base64_decode($each['body']);
    $told = darkroom_read_callback($each['secret'], $each['headers'], $body, $remember);
    echo $told['verdict'], ' ', $told['process']['process_id'] ?? '-', "\n";
}
