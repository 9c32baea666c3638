/** In the place of what undici has for requests with a body and for HTTP/2: the Lambda sends GETs by HTTP/1.1. */
module.exports = () => {
  throw new Error("left out of the Lambda's bundle (lambda/build.ts)")
}
