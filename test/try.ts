import { startMinistack } from "./support/ministack.ts"
import { AwsProxy } from "./support/aws-proxy.ts"
import { account, stand, makeZone } from "./support/deploy/standing.ts"
import { stage } from "./support/infra/assembly.ts"
const s = stage("development")
const m = await startMinistack({ hostedZone: "Z0000000000000EXAMPLE", permissions: process.argv[2] === "auth" })
const p = await AwsProxy.open(m.url)
console.log(m.url, p.url)
await makeZone(account("222222222222", m.url, s.region))
const stamp = performance.now()
if (process.argv[3] === "stand") await stand(s, account("111111111111", m.url, s.region))
console.log("stand", performance.now() - stamp)
setInterval(() => { if (p.calls.length) { for (const k of new Set(p.calls.map(c=>c.signer))) console.log(k, p.actions(k).join(" ")); p.forget() } }, 2000)
process.on("SIGTERM", async () => { await m.close(); process.exit(0) })
