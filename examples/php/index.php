<?php
// A download script that names the file to the server in front. FILES names the directory that is meant to be served.
$base = realpath(getenv('FILES') ?: 'files');
$name = $_GET['file'] ?? '';
if ($name === '') {
    echo 'ready';
    return;
}
header('Content-Type: application/octet-stream');
if (getenv('SENDFILE')) {
    header('X-Sendfile: ' . $base . '/' . $name);
} else {
    readfile($base . '/' . $name);
}
