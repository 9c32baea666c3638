/** `verify`: whether the account is as a deployment of the stage needs it; changes nothing. */

import { allOk, ask, table } from "./check.ts"
import { account, region } from "./checks/account.ts"
import { certificate } from "./checks/certificate.ts"
import { idleStacks, unlocked } from "./checks/idle.ts"
import { images } from "./checks/images.ts"
import { bootstrapped, deliveryStack } from "./checks/prepared.ts"
import { elasticIps, fargate } from "./checks/quotas.ts"
import type { Command } from "./command.ts"
import { identityOf } from "./identity.ts"
import { publishedImages } from "./images.ts"
import { EXIT, Refusal } from "./refusal.ts"
import { TARGETS } from "./targets/targets.ts"

const SECONDS = 30

export const verify: Command = {
  name: "verify",
  summary:
    "Is the account ready for a deployment? A line ✓, ✗ or – (could not be checked) each; exit code 65 unless all are ✓",
  flags: {
    images: { type: "string", value: "FILE", help: "digests.json of publish; without it the images that run" },
    seconds: { type: "string", value: "N", help: `time for each check, 1 to 600; ${SECONDS} without it` },
  },
  async run(session, values) {
    const seconds = Number(values["seconds"] ?? SECONDS)
    if (!Number.isInteger(seconds) || seconds < 1 || seconds > 600)
      throw new Refusal(EXIT.usage, `--seconds=${values["seconds"]} must be a whole number from 1 to 600`)
    const path = values["images"] as string | undefined
    const published = path === undefined ? undefined : await publishedImages(path, session.stage.name)
    // Without an identity no check could tell anything.
    await identityOf(session, session.signal)
    const answers = await ask(
      [
        account,
        region,
        bootstrapped,
        deliveryStack,
        images(published),
        certificate,
        elasticIps,
        fargate,
        ...TARGETS.flatMap(({ checks }) => checks),
        idleStacks,
        unlocked,
      ],
      session,
      seconds,
    )
    const fit = allOk(answers)
    session.print(
      values["json"]
        ? JSON.stringify({ stage: session.stage.name, ok: fit, checks: answers }, null, 2)
        : table(answers),
    )
    return fit ? 0 : EXIT.unfit
  },
}
