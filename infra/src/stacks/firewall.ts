/** AWS WAF before the load balancer: AWS's managed rules and a limit for each address. */
import { RemovalPolicy, Stack } from "aws-cdk-lib"
import type { IKey } from "aws-cdk-lib/aws-kms"
import { CfnLoggingConfiguration, CfnWebACL, CfnWebACLAssociation } from "aws-cdk-lib/aws-wafv2"
import { Construct } from "constructs"
import type { Stage } from "../stage.ts"
import { logGroup } from "./log-group.ts"

/** In the order in which they look at a request. Source: WAF developer guide, “AWS Managed Rules rule groups list”. */
const MANAGED_RULES = [
  "AWSManagedRulesAmazonIpReputationList",
  "AWSManagedRulesCommonRuleSet",
  "AWSManagedRulesKnownBadInputsRuleSet",
  "AWSManagedRulesSQLiRuleSet",
] as const

export class Firewall extends Construct {
  constructor(scope: Construct, id: string, stage: Stage, loadBalancerArn: string, operationsKey: IKey) {
    super(scope, id)
    const visibility = (metricName: string) => ({
      cloudWatchMetricsEnabled: true,
      metricName,
      sampledRequestsEnabled: true,
    })
    const acl = new CfnWebACL(this, "WebAcl", {
      name: `perigee-${stage.name}`,
      description: "Before the load balancer",
      scope: "REGIONAL",
      defaultAction: { allow: {} },
      visibilityConfig: visibility(`perigee-${stage.name}`),
      rules: [
        {
          name: "requests-of-one-address",
          priority: 0,
          action: { block: { customResponse: { responseCode: 429 } } },
          statement: {
            rateBasedStatement: {
              limit: stage.entry.requestsPerAddress,
              evaluationWindowSec: 300,
              aggregateKeyType: "IP",
            },
          },
          visibilityConfig: visibility("requests-of-one-address"),
        },
        ...MANAGED_RULES.map((name, at) => ({
          name,
          priority: at + 1,
          overrideAction: { none: {} },
          statement: { managedRuleGroupStatement: { vendorName: "AWS", name } },
          visibilityConfig: visibility(name),
        })),
      ],
    })
    new CfnWebACLAssociation(this, "Association", { resourceArn: loadBalancerArn, webAclArn: acl.attrArn })
    // WAF asks for this prefix. Source: WAF developer guide, “Sending web ACL traffic logs to CloudWatch Logs”.
    const logs = logGroup(this, "Logs", stage, `aws-waf-logs-perigee-${stage.name}`, operationsKey)
    const { partition, region, account } = Stack.of(this)
    const logging = new CfnLoggingConfiguration(this, "Logging", {
      resourceArn: acl.attrArn,
      logDestinationConfigs: [`arn:${partition}:logs:${region}:${account}:log-group:${logs.logGroupName}`],
      redactedFields: [{ singleHeader: { Name: "authorization" } }, { singleHeader: { Name: "cookie" } }],
      loggingFilter: {
        DefaultBehavior: "DROP",
        Filters: [
          {
            Behavior: "KEEP",
            Requirement: "MEETS_ANY",
            Conditions: [{ ActionCondition: { Action: "BLOCK" } }, { ActionCondition: { Action: "COUNT" } }],
          },
        ],
      },
    })
    logging.applyRemovalPolicy(RemovalPolicy.DESTROY)
  }
}
