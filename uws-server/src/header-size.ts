// uWebSockets.js reads this when it is loaded, so this module has to be imported before it. 4,096 bytes, its default,
// are too few for a request that carries an access token in its query and cookies beside it.
process.env['UWS_HTTP_MAX_HEADERS_SIZE'] ??= '16384'
