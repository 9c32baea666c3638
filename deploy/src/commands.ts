/** Every command there is, in the order of a first deployment. */
import { bootstrap } from "./bootstrap.ts"
import type { Command } from "./command.ts"
import { deploy } from "./deploy.ts"
import { diff } from "./diff.ts"
import { history } from "./history.ts"
import { plan } from "./plan/command.ts"
import { publish } from "./publish.ts"
import { status } from "./status.ts"
import { verify } from "./verify.ts"

export const COMMANDS: readonly Command[] = [bootstrap, publish, verify, plan, diff, deploy, status, history]
