/** What a stage promises of its network ACLs: the tables that `infra/config/allowed-acls.ts` gives. */

/** First and last, both included. */
export type PortRange = readonly [first: number, last: number]

/**
 * TCP ports by where the other side is: `anywhere` is every address, within the VPC too; a tier's name is the blocks of that
 * tier's subnets.
 */
export type AclPorts = Readonly<Record<string, readonly (number | PortRange)[]>>

/** By tier, as subnets are tagged. What is not listed, and every other protocol, must not pass. */
export type AllowedAcls = Readonly<Record<string, { readonly in: AclPorts; readonly out: AclPorts }>>
