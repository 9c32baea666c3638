/** The plan of a deploy, made now and never an earlier one's: the file that somebody approves. */
import type { Container, File } from "@dagger.io/dagger"
import { deployed, type Identity } from "./deploy.ts"

const PLAN = "/perigee/plan.json"

/** @param images digests as publish gives them; without it the images that run stay */
export async function planned(
  workspace: Container,
  identity: Identity,
  stage: string,
  images: File | undefined,
): Promise<File> {
  const ran = await deployed(workspace, identity, {
    command: "plan",
    stage,
    files: { images },
    flags: [`--out=${PLAN}`],
  })
  return await ran.file(PLAN).sync()
}
