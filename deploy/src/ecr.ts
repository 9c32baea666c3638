/** ECR: where a stage's repositories are, and the token to push to them. */
import { DescribeRepositoriesCommand, ECRClient, GetAuthorizationTokenCommand } from "@aws-sdk/client-ecr"
import { IMAGES, type ImageName, repositoryName } from "../../infra/src/names.ts"
import type { Stage } from "../../infra/src/stage.ts"
import { EXIT, Refusal } from "./refusal.ts"
import type { Session } from "./session.ts"

export interface Repositories {
  /** `<host>/<name>` of each. */
  readonly uris: Readonly<Record<ImageName, string>>
  /** The header that registry requests carry; good for 12 hours. Source: ECR API reference, GetAuthorizationToken. */
  readonly authorization: string
}

/**
 * @throws Refusal a repository is missing, or another account's
 */
export async function repositoriesOf({ aws, stage, signal }: Session): Promise<Repositories> {
  const ecr = aws.client(ECRClient)
  const repositoryNames = IMAGES.map((image) => repositoryName(stage.name, image))
  const { repositories = [] } = await ecr
    .send(new DescribeRepositoriesCommand({ repositoryNames }), { abortSignal: signal })
    .catch((error: unknown) => {
      if ((error as Error).name !== "RepositoryNotFoundException") throw error
      throw new Refusal(EXIT.noStack, missing(stage, (error as Error).message), { cause: error })
    })
  const uris = IMAGES.map((image) => {
    const name = repositoryName(stage.name, image)
    const found = repositories.find((repository) => repository.repositoryName === name)
    if (found?.repositoryUri === undefined) throw new Refusal(EXIT.noStack, missing(stage, `there is no ${name}`))
    if (stage.account !== undefined && found.registryId !== stage.account) {
      const who = `these credentials are of the account ${found.registryId}`
      throw new Refusal(EXIT.credentials, `${who}, and the stage ${stage.name} is in ${stage.account}; take its own`)
    }
    return [image, found.repositoryUri] as const
  })
  const { authorizationData: [data] = [] } = await ecr.send(new GetAuthorizationTokenCommand({}), {
    abortSignal: signal,
  })
  if (!data?.authorizationToken) throw new Refusal(EXIT.unreachable, "ECR gives no authorization token; try again")
  return {
    uris: Object.fromEntries(uris) as Record<ImageName, string>,
    authorization: `Basic ${data.authorizationToken}`,
  }
}

function missing({ name }: Stage, what: string): string {
  return `stage ${name} has no repository to push to (${what.replaceAll(/\s+/g, " ")}): deploy its delivery stack first, npm run deploy -- bootstrap --stage=${name}`
}
