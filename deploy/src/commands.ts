/** Every command there is, in the order of a first deployment. */
import { bootstrap } from "./bootstrap.ts"
import type { Command } from "./command.ts"
import { deploy } from "./deploy.ts"
import { destroy } from "./destroy.ts"
import { diff } from "./diff.ts"
import { history } from "./history.ts"
import { logs } from "./logs.ts"
import { moveEgress } from "./move-egress-command.ts"
import { plan } from "./plan/command.ts"
import { publish } from "./publish.ts"
import { rollback } from "./rollback.ts"
import { status } from "./status.ts"
import { verify } from "./verify.ts"

export const COMMANDS: readonly Command[] = [
  bootstrap,
  publish,
  verify,
  plan,
  diff,
  deploy,
  rollback,
  status,
  history,
  logs,
  moveEgress,
  destroy,
]
