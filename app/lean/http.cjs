/**
 * In the place of `node:http`, of which undici uses two things: the header limit (Node's default, 16 KiB) and the class
 * that it knows Node's own incoming messages by, none of which come here. The real one loads 11 modules.
 */
module.exports = { maxHeaderSize: 16 * 1024, IncomingMessage: class IncomingMessage {} }
