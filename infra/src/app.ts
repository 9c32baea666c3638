/** The stage as a CDK app: five stacks, the rules that they must pass, and tags on everything. */
import { readFileSync } from "node:fs"
import {
  App,
  CloudFormationValidatePlugin,
  type IPolicyValidationPlugin,
  type Stack,
  Tags,
  Validations,
} from "aws-cdk-lib"
import { AwsSolutionsChecks } from "cdk-nag"
import { type StackName, stackName } from "./names.ts"
import { DataStack } from "./stacks/data.ts"
import { DeliveryStack } from "./stacks/delivery.ts"
import { NeoStack } from "./stacks/neo.ts"
import { NetworkStack } from "./stacks/network.ts"
import { PlatformStack } from "./stacks/platform.ts"
import type { Stage } from "./stage.ts"

export interface AppOptions {
  /** Where the cloud assembly goes. */
  readonly outdir: string
  /** The Lambda's package. */
  readonly functionZip: string
  /** Without them synthesis is three times as fast: for tests of something else. */
  readonly validate?: boolean
}

export interface StageApp {
  readonly app: App
  readonly stacks: Readonly<Record<StackName, Stack>>
}

/** Builds a stage that {@link check} let pass; nothing is looked up, and nothing written before `app.synth()`. */
export function stageApp(stage: Stage, { outdir, functionZip, validate = true }: AppOptions): StageApp {
  const app = new App({
    outdir,
    // Paths of constructs in the templates: how the proofs and the plan name what must change.
    treeMetadata: false,
    analyticsReporting: false,
    context: {
      "@aws-cdk/core:validateAgainstDefaultRules": validate,
      "@aws-cdk/core:enableAdditionalMetadataCollection": false,
    },
  })
  const props = (name: StackName) => ({
    stackName: stackName(stage.name, name),
    env: { region: stage.region, ...(stage.account && { account: stage.account }) },
    terminationProtection: stage.protect,
  })
  const network = new NetworkStack(app, "network", stage, props("network"))
  const delivery = new DeliveryStack(app, "delivery", stage, props("delivery"))
  const data = new DataStack(app, "data", stage, network, props("data"))
  const platform = new PlatformStack(app, "platform", stage, network, data, props("platform"))
  const neo = new NeoStack(app, "neo", stage, network, functionZip, props("neo"))
  // Image parameters are read by name, which CloudFormation can't see.
  data.addStackDependency(delivery)
  neo.addStackDependency(delivery)

  for (const [key, value] of Object.entries({ project: "perigee", stage: stage.name, ...stage.tags })) {
    Tags.of(app).add(key, value)
  }
  if (validate) {
    Validations.of(app).addPlugins(
      new AwsSolutionsChecks(app),
      new CloudFormationValidatePlugin({
        guardRules: [
          { name: "invariants.guard", content: readFileSync(new URL("invariants.guard", import.meta.url), "utf8") },
        ],
      }) as IPolicyValidationPlugin,
    )
  }
  return { app, stacks: { network, delivery, data, platform, neo } }
}
