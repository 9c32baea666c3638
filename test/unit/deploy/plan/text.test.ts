/** What a person reads, letter by letter: golden examples that were read and checked by hand. */
import { expect } from "chai"
import { COLOURED } from "../../../../deploy/src/plan/colours.ts"
import type { Plan } from "../../../../deploy/src/plan/plan.ts"
import { planText } from "../../../../deploy/src/plan/text.ts"
import { deployedAs, digest, planIn, planned, properties } from "../../../support/deploy/plan.ts"

const production = () => planned("production")
const DIGEST = /^digest [0-9a-f]{64}$/m
/** Without the digest, which is of the whole stage, and the costs, which are of the prices that are known. */
const masked = (plan: Plan) =>
  planText(plan)
    .replace(DIGEST, "digest …")
    .replace(/^(Cost a month: ).*US dollars.*$/m, "$1…")

describe("the text of a plan", function () {
  this.timeout(120_000)
  before(() => void production())

  it("of nothing is short", () => {
    expect(masked(planIn({ planned: production(), deployed: deployedAs(production()) }))).to.equal(
      `Plan of production in eu-central-1, account 111111111111

Nothing changes: what is deployed is what is planned.

✓ all 84 proofs hold of the planned templates

✓ replaces, deletes and widens nothing

digest …`,
    )
  })

  it("of one service's image and its CPU tells field by field, and takes a revision for no replacement", () => {
    const stacks = production()
    properties(stacks, "platform", "usermetadataTaskDefinition").Cpu = "1024"
    const images = { user_metadata: digest("e") }
    expect(masked(planIn({ planned: stacks, deployed: deployedAs(production()), images }))).to.equal(
      `Plan of production in eu-central-1, account 111111111111

Stacks
  network   unchanged
  delivery  unchanged
  data      unchanged
  platform  1 new revision
    ~  usermetadataTaskDefinition  AWS::ECS::TaskDefinition new revision
         Cpu  512 → 1024
  neo       unchanged

Widened
  nothing

Rollout: images and task definitions
  user_metadata  sha256:bbbbbbbbbbbb → sha256:eeeeeeeeeeee
  ~ perigee-production-user_metadata
      ContainerDefinitions[user_metadata].Image  user_metadata@sha256:bbbbbbbbbbbb → user_metadata@sha256:eeeeeeeeeeee
      Cpu                                        512 → 1024
  ~ perigee-production-user_metadata-migrate
      ContainerDefinitions[user_metadata].Image  user_metadata@sha256:bbbbbbbbbbbb → user_metadata@sha256:eeeeeeeeeeee
  ~ perigee-production-user_metadata-roles
      ContainerDefinitions[user_metadata].Image  user_metadata@sha256:bbbbbbbbbbbb → user_metadata@sha256:eeeeeeeeeeee

Who reaches whom: 56 pairs before, 56 after

Cost a month: …
  platform: 9 tasks (minimum), X86_64  3,285 → 4,380 vCPU h

✓ all 84 proofs hold of the planned templates

✓ replaces, deletes and widens nothing

digest …`,
    )
  })

  it("of a replaced database shouts before anything else", () => {
    const stacks = production()
    properties(stacks, "data", "Database").DBName = "elsewhere"
    const text = planText(planIn({ planned: stacks, deployed: deployedAs(production()) }))
    expect(text.slice(0, text.indexOf("\n\nWidened"))).to.equal(
      `Plan of production in eu-central-1, account 111111111111

DATA LOSS
  data/Database (AWS::RDS::DBInstance) is REPLACED, because of DBName
    a new, EMPTY database takes its place; the old database is deleted after a last snapshot
    → not meant: take back the change of DBName, and plan again
    → meant: save the data first (aws rds create-db-snapshot --db-instance-identifier=<it> --db-snapshot-identifier=<name>), plan how it comes into the new one, and only then approve

Stacks
  network   unchanged
  delivery  unchanged
  data      1 REPLACED, 6 new revisions
    ±  Database  AWS::RDS::DBInstance REPLACED, because of DBName
         DBName  perigee → elsewhere
    ~  TasksflightmetadatamigrateDefinition  AWS::ECS::TaskDefinition new revision
    ~  TasksflightmetadatarolesDefinition  AWS::ECS::TaskDefinition new revision
    ~  TasksflightsavailabilitymigrateDefinition  AWS::ECS::TaskDefinition new revision
    ~  TasksflightsavailabilityrolesDefinition  AWS::ECS::TaskDefinition new revision
    ~  TasksusermetadatamigrateDefinition  AWS::ECS::TaskDefinition new revision
    ~  TasksusermetadatarolesDefinition  AWS::ECS::TaskDefinition new revision
  platform  unchanged
  neo       unchanged`,
    )
    expect(text).to.contain("\n! replaces or deletes: 1 reason to be asked\n")
  })

  it("of a wider group has a section for it, and the proof that fails with the resource to change", () => {
    const stacks = production()
    const rule = properties(stacks, "network", "GroupsdatabasefromnetworkGroupsusermetadata4D29D619543231D04990")
    delete rule.SourceSecurityGroupId
    rule.CidrIp = "10.20.0.0/16"
    const text = masked(planIn({ planned: stacks, deployed: deployedAs(production()) }))
    expect(text).to.contain(`
WIDENED: not allowed now, and then it would be
  security group
    ! network/Groupsdatabase1D178A06: inbound: tcp 5432 from 10.20.0.0/16
`)
    expect(text.slice(text.indexOf("PROOFS FAIL"))).to.equal(
      `PROOFS FAIL: 2 of 84; this must not be deployed
  ✗ facts.no-wide-inbound: No security group lets in a block of addresses but the load balancer's: everything else names the group that may
      network/GroupsdatabasefromnetworkGroupsusermetadata4D29D619543231D04990: lets a block of addresses into network/Groupsdatabase1D178A06: name the security group that may
  ✗ facts.known-properties: Every property, at any depth and under any condition, is one that the stacks are known to use
      network/GroupsdatabasefromnetworkGroupsusermetadata4D29D619543231D04990: its property CidrIp is looked at by no proof: nothing is proved of it

! replaces or deletes and widens: 2 reasons to be asked

digest …`,
    )
  })

  it("has colours where they are asked for, and reads the same without them", () => {
    const stacks = production()
    properties(stacks, "data", "Database").DBName = "elsewhere"
    const plan = planIn({ planned: stacks, deployed: deployedAs(production()) })
    const coloured = planText(plan, COLOURED)
    expect(coloured).to.contain("\u001b[31mDATA LOSS")
    expect(coloured.replaceAll(/\u001b\[\d+m/g, "")).to.equal(planText(plan))
  })
})
