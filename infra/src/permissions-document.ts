/** `npm run permissions`: writes docs/permissions.md from the table of permissions. */
import { writeFileSync } from "node:fs"
import { resolve } from "node:path"
import {
  DEPLOY_COMMANDS,
  PERMITTED_COMMANDS,
  type Permission,
  type PermittedCommand,
  PLAN_COMMANDS,
  permissionsOf,
  policyOf,
} from "./permissions.ts"

export const DOCUMENT = resolve(import.meta.dirname, "../../docs/permissions.md")

const PLACE = {
  partition: "aws",
  region: "<region>",
  account: "<account>",
  stage: "<stage>",
  deliveryKeyArn: "arn:aws:kms:<region>:<account>:key/<key of the delivery stack>",
}

const HEAD = `# Permissions

What each command of \`npm run deploy\` needs in the account, and no more. Made of the table in
[\`infra/src/permissions.ts\`](../infra/src/permissions.ts) by \`npm run permissions\`; the role \`perigee-<stage>-pipeline-plan\`
is made of the same table: ${PLAN_COMMANDS.join(", ")}; and the role \`perigee-<stage>-pipeline-deploy\`, too:
${DEPLOY_COMMANDS.join(", ")}. \`destroy\` is no pipeline's, but a person's.

Put the stage's name, its account and region in place of \`<stage>\`, \`<account>\` and \`<region>\`. Every command asks STS who
it is, which needs no permission. A statement marked *through* is needed by the service named there, on the caller's behalf:
the command never sends such an action itself.

Tests run \`publish\`, \`verify\`, \`plan\`, \`diff\`, \`status\` and \`history\` against an emulator that enforces IAM: each with
its policy, which it uses up, and each with one action after the other taken out, which it must name. Without
\`cloudformation:ListStacks\` or \`cloudformation:DeleteChangeSet\` a plan is told all the same, and says what that leaves
open. The same tests record what \`bootstrap\` sends. The emulator lets everybody push and has no Service Quotas: what
\`publish\` asks of the registry, and quotas, the test itself denies, by AWS' list of the actions behind each request. Of the
actions on the bootstrap bucket, and of what is marked *through* (KMS, and the rights that CloudFormation borrows), nothing
is tried: that is read from AWS' documentation. Of \`deploy\`, \`rollback\`, \`move-egress\` and
\`destroy\` a test records what they send, and holds that their tables have all of it; what each does without one of its
actions was not tried.
`

/** @returns the document as Markdown */
export function permissionsDocument(): string {
  return [HEAD, ...PERMITTED_COMMANDS.map(section)].join("\n")
}

function section(command: PermittedCommand): string {
  const permissions = permissionsOf(command, PLACE)
  const policy = JSON.stringify(policyOf(permissions), null, 2)
  return `## ${command}

| actions | why |
|---|---|
${permissions.map(row).join("\n")}

<details><summary>Policy</summary>

\`\`\`json
${policy}
\`\`\`

</details>
`
}

function row({ actions, why, through }: Permission): string {
  const names = actions.map((action) => `\`${action}\``).join(", ")
  return `| ${names} | ${why}${through === undefined ? "" : ` *(through ${through})*`} |`
}

if (import.meta.main) writeFileSync(DOCUMENT, permissionsDocument())
