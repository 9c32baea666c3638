/** What the Lambda uses of undici, for its bundle only: the fetcher's (`app/lean/undici.cjs`) without proxies. */
const Dispatcher = require("undici/lib/dispatcher/dispatcher.js")

Dispatcher.prototype.request = require("undici/lib/api/api-request.js")

module.exports = { Agent: require("undici/lib/dispatcher/agent.js") }
