/**
 * What the fetcher uses of undici, for its bundle only. undici's own index also loads fetch, WebSocket, caches, mocks and
 * more, which costs a quarter of the program's time. The same classes, wired as undici's index wires them.
 */
const Dispatcher = require("undici/lib/dispatcher/dispatcher.js")

Dispatcher.prototype.request = require("undici/lib/api/api-request.js")
Dispatcher.prototype.connect = require("undici/lib/api/api-connect.js")

module.exports = {
  get Agent() {
    return require("undici/lib/dispatcher/agent.js")
  },
  get EnvHttpProxyAgent() {
    return require("undici/lib/dispatcher/env-http-proxy-agent.js")
  },
}
