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
    context: contextOf(validate),
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
    // An update of a parameter's tags would write its template's value again, over the image that runs.
    Tags.of(app).add(key, value, { excludeResourceTypes: ["AWS::SSM::Parameter"] })
  }
  if (validate) addRules(app)
  return { app, stacks: { network, delivery, data, platform, neo } }
}

/** CDK's feature flags, which decide how an app is synthesized. */
export function contextOf(validate: boolean): Record<string, unknown> {
  return {
    "@aws-cdk/core:validateAgainstDefaultRules": validate,
    "@aws-cdk/core:enableAdditionalMetadataCollection": false,
  }
}

/** The rules that an app must pass: AwsSolutions of cdk-nag, CDK's default ones, and our own invariants. */
export function addRules(app: App): void {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), invariants())
}

let engine: CloudFormationValidatePlugin | undefined

/** One for the process, as CDK's own is: making its engine takes a second, and 130 MB that are never given back. */
function invariants(): IPolicyValidationPlugin {
  engine ??= new CloudFormationValidatePlugin({
    guardRules: [
      { name: "invariants.guard", content: readFileSync(new URL("invariants.guard", import.meta.url), "utf8") },
    ],
  })
  return engine as IPolicyValidationPlugin
}
