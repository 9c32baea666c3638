/** What `publish` needs before anything else: a repository for each image, who may push and deploy, what is running. */
import { Duration, RemovalPolicy, Stack, type StackProps } from "aws-cdk-lib"
import { AttributeType, BillingMode, Table, TableEncryption } from "aws-cdk-lib/aws-dynamodb"
import { Repository, RepositoryEncryption, TagMutability, TagStatus } from "aws-cdk-lib/aws-ecr"
import { CfnOIDCProvider } from "aws-cdk-lib/aws-iam"
import type { IKey } from "aws-cdk-lib/aws-kms"
import { ParameterTier, StringParameter } from "aws-cdk-lib/aws-ssm"
import type { Construct } from "constructs"
import {
  IMAGES,
  type ImageName,
  imageParameter,
  NOTHING_ROLLED_OUT,
  ROLLED_OUT,
  releasesTable,
  repositoryName,
} from "../names.ts"
import type { Stage } from "../stage.ts"
import { customerKey } from "./customer-key.ts"
import { PipelineRoles } from "./pipeline-roles.ts"
import { kept } from "./removal-policy.ts"

/** Images kept in a repository, the newest first: enough to go back, few enough to pay for. */
const KEPT_IMAGES = 50

export class DeliveryStack extends Stack {
  constructor(scope: Construct, id: string, stage: Stage, props: StackProps) {
    super(scope, id, {
      ...props,
      description: `Perigee ${stage.name}: image repositories, pipeline roles, running images`,
    })
    const key = customerKey(this, "DeliveryKey", stage.name, {
      alias: "delivery",
      description: "Encrypts the container images and the record of releases",
      keep: stage.protect,
    })
    for (const image of IMAGES) this.#repository(image, stage, key)
    for (const name of ROLLED_OUT) {
      // A rollout writes it from here on. CloudFormation would write the template's value again at any change to this
      // resource, so nothing in it may change: no tags either (app.ts).
      const parameter = new StringParameter(this, `${name}-running`, {
        parameterName: imageParameter(stage.name, name),
        description: `Image of ${name} that runs: written by a successful rollout only`,
        stringValue: NOTHING_ROLLED_OUT,
        tier: ParameterTier.STANDARD,
      })
      if (stage.protect) parameter.applyRemovalPolicy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
    }
    new Table(this, "Releases", {
      tableName: releasesTable(stage.name),
      partitionKey: { name: "kind", type: AttributeType.STRING },
      sortKey: { name: "id", type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      encryption: TableEncryption.CUSTOMER_MANAGED,
      encryptionKey: key,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: stage.protect,
      removalPolicy: kept(stage),
    })
    const { organizationId, provider } = stage.circleci
    const issuer = `oidc.circleci.com/org/${organizationId}`
    const providerArn =
      provider === "existing"
        ? `arn:${this.partition}:iam::${this.account}:oidc-provider/${issuer}`
        : new CfnOIDCProvider(this, "CircleCi", { url: `https://${issuer}`, clientIdList: [organizationId] }).attrArn
    new PipelineRoles(this, "Pipeline", stage, { issuer, providerArn, key })
  }

  #repository(image: ImageName, stage: Stage, encryptionKey: IKey): Repository {
    return new Repository(this, image, {
      repositoryName: repositoryName(stage.name, image),
      imageTagMutability: TagMutability.IMMUTABLE,
      imageScanOnPush: true,
      encryption: RepositoryEncryption.KMS,
      encryptionKey,
      emptyOnDelete: !stage.protect,
      removalPolicy: kept(stage),
      lifecycleRules: [
        {
          rulePriority: 1,
          description: "Layers of pushes that broke off",
          tagStatus: TagStatus.UNTAGGED,
          maxImageAge: Duration.days(7),
        },
        {
          rulePriority: 2,
          description: `The newest ${KEPT_IMAGES}`,
          tagStatus: TagStatus.ANY,
          maxImageCount: KEPT_IMAGES,
        },
      ],
    })
  }
}
