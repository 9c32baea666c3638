/** In the place of `node:http2`: what undici itself falls back to where there is none. The fetcher speaks HTTP/1.1. */
module.exports = { constants: {} }
