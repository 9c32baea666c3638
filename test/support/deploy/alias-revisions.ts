/** Lambda's guard of aliases, which the emulator lacks: an update that names a revision that is no longer the alias' is refused. */
import type { AwsProxy } from "../aws-proxy.ts"

/** Source: Lambda API reference, UpdateAlias, `RevisionId` and PreconditionFailedException. */
export function aliasRevisions(proxy: AwsProxy): void {
  proxy.on(undefined, async (call) => {
    if (call.method !== "PUT" || !/\/functions\/[^/]+\/aliases\/[^/]+$/.test(call.path)) return undefined
    const { RevisionId } = JSON.parse(call.body) as { RevisionId?: string }
    const { body } = await proxy.pass({
      ...call,
      method: "GET",
      body: "",
      headers: { ...call.headers, "content-length": "0" },
    })
    const known = JSON.parse(body.toString()) as { RevisionId?: string }
    if (RevisionId === undefined || known.RevisionId === undefined || known.RevisionId === RevisionId) return undefined
    const Message = "The RevisionId provided does not match the latest RevisionId for the Lambda function or alias."
    return {
      status: 412,
      type: "application/json",
      body: JSON.stringify({ __type: "PreconditionFailedException", Type: "User", Message, message: Message }),
    }
  })
}
