/** A rule that a construct goes against with good reason, told where it does. */
import { type Acknowledgment, Validations } from "aws-cdk-lib"
import type { IConstruct } from "constructs"

/**
 * @param rule its id, with the rule set before it, such as `AwsSolutions-EC23`
 * @param reason why it does not hold here, for who reads the report
 */
export function acknowledge(construct: IConstruct, rule: Acknowledgment["id"], reason: string): void {
  Validations.of(construct).acknowledge({ id: rule, reason })
}
