/** Ways to AWS's own services that do not use the one address: gateways for S3 and DynamoDB, interfaces by choice. */
import { Stack } from "aws-cdk-lib"
import { CfnVPCEndpoint } from "aws-cdk-lib/aws-ec2"
import { AnyPrincipal, PolicyDocument, PolicyStatement } from "aws-cdk-lib/aws-iam"
import { Construct } from "constructs"
import { neowsBucketName, serviceConfigsTableArn } from "../names.ts"
import type { InterfaceEndpoint, Stage } from "../stage.ts"

/** What passes each interface endpoint, and only for principals of this account. */
const ACTIONS: Readonly<Record<InterfaceEndpoint, readonly string[]>> = {
  "ecr.api": [
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:GetAuthorizationToken",
    "ecr:GetDownloadUrlForLayer",
  ],
  "ecr.dkr": [
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:GetAuthorizationToken",
    "ecr:GetDownloadUrlForLayer",
  ],
  logs: ["logs:CreateLogStream", "logs:PutLogEvents"],
  secretsmanager: ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
}

export interface EndpointPlaces {
  readonly vpcId: string
  readonly serviceSubnetIds: readonly string[]
  /** Tables of the subnets that use the gateways. */
  readonly routeTableIds: readonly string[]
  readonly securityGroupId: string
}

export class Endpoints extends Construct {
  constructor(scope: Construct, id: string, stage: Stage, places: EndpointPlaces) {
    super(scope, id)
    const { region, account, partition } = Stack.of(this)
    const gateway = (service: string, statements: PolicyStatement[]) =>
      new CfnVPCEndpoint(this, service, {
        vpcId: places.vpcId,
        serviceName: `com.amazonaws.${region}.${service}`,
        vpcEndpointType: "Gateway",
        routeTableIds: [...places.routeTableIds],
        policyDocument: new PolicyDocument({ statements }),
      })
    const ofThisAccount = { StringEquals: { "aws:PrincipalAccount": account } }
    gateway("s3", [
      new PolicyStatement({
        sid: "NeowsDocuments",
        principals: [new AnyPrincipal()],
        actions: ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
        resources: [`arn:${partition}:s3:::${neowsBucketName(this, stage.name)}/*`],
        conditions: ofThisAccount,
      }),
      new PolicyStatement({
        // Layers come from a bucket of ECR's own, signed by ECR: no condition on the account can hold.
        // Source: ECR user guide, "Minimum Amazon S3 bucket permissions for Amazon ECR".
        sid: "ImageLayers",
        principals: [new AnyPrincipal()],
        actions: ["s3:GetObject"],
        resources: [`arn:${partition}:s3:::prod-${region}-starport-layer-bucket/*`],
      }),
    ])
    gateway("dynamodb", [
      new PolicyStatement({
        sid: "ServiceConfigs",
        principals: [new AnyPrincipal()],
        actions: ["dynamodb:DescribeTable", "dynamodb:Query"],
        resources: [serviceConfigsTableArn(this, stage.name)],
        conditions: ofThisAccount,
      }),
    ])
    for (const service of stage.network.interfaceEndpoints) {
      new CfnVPCEndpoint(this, service, {
        vpcId: places.vpcId,
        serviceName: `com.amazonaws.${region}.${service}`,
        vpcEndpointType: "Interface",
        privateDnsEnabled: true,
        subnetIds: [...places.serviceSubnetIds],
        securityGroupIds: [places.securityGroupId],
        policyDocument: new PolicyDocument({
          statements: [
            new PolicyStatement({
              principals: [new AnyPrincipal()],
              actions: [...ACTIONS[service]],
              // An endpoint's policy narrows what IAM already allows by name; it is limited to the account's own callers.
              resources: ["*"],
              conditions: ofThisAccount,
            }),
          ],
        }),
      })
    }
  }
}
