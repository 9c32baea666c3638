/** `bootstrap`: once an account and stage, what everything else needs: CDK's own stack, then the delivery stack. */
import type { Command } from "./command.ts"

export const bootstrap: Command = {
  name: "bootstrap",
  summary:
    "Once an account and stage: CDK's bootstrap stack, then the delivery stack (repositories, pipeline roles, releases)",
  flags: {},
  async run(session, values) {
    // The toolkit takes seconds to load, which no other command should wait for.
    const { bootstrapAccount } = await import("./account-bootstrap.ts")
    return await bootstrapAccount(session, values)
  },
}
