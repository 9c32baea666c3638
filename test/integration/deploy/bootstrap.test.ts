/** `bootstrap` against an emulator of AWS: from nothing, again, and where it must not. Its CloudFormation checks no role. */
import { PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm"
import { expect } from "chai"
import { bootstrap } from "../../../deploy/src/bootstrap.ts"
import { NEEDED_BOOTSTRAP_VERSION } from "../../../deploy/src/bootstrap-version.ts"
import { IMAGES } from "../../../infra/src/names.ts"
import { permissionsOf } from "../../../infra/src/permissions.ts"
import { AwsProxy, queryError } from "../../support/aws-proxy.ts"
import { deploy, environment } from "../../support/deploy/program.ts"
import { run, sessionOf } from "../../support/deploy/session.ts"
import { accessDenied } from "../../support/deploy/shared.ts"
import { account, type StandingAccount, settings } from "../../support/deploy/standing.ts"
import { stage } from "../../support/infra/assembly.ts"
import { type Ministack, startMinistack } from "../../support/ministack.ts"
import { describeWith } from "../../support/needs.ts"
import { python } from "../../support/python.ts"

const ID = "444444444444"
const development = stage("development")
/** Allowed to everybody. */
const FREE = "sts:GetCallerIdentity"

describeWith([python], "bootstrap", function () {
  this.timeout(240_000)
  let ministack: Ministack
  let proxy: AwsProxy
  let of: StandingAccount
  before(async () => {
    ministack = await startMinistack()
    proxy = await AwsProxy.open(ministack.url)
    of = account(ID, ministack.url, development.region)
  })
  after(async () => {
    await proxy?.close()
    await ministack?.close()
  })
  beforeEach(() => proxy.forget())
  const program = (...args: string[]) =>
    deploy(environment(proxy.url, of.root), "bootstrap", "--stage=development", ...args)
  /** What the caller itself sent; the toolkit goes on in roles of the bootstrap stack. */
  const sent = () => proxy.actions(ID).filter((action) => action !== FREE)
  const permissions = () =>
    permissionsOf("bootstrap", {
      partition: "aws",
      region: of.region,
      account: ID,
      stage: "development",
      deliveryKeyArn: "arn:key",
    }).filter(({ through }) => through === undefined)

  it("of another account than the stage's refuses before it changes anything (78)", async () => {
    const session = sessionOf({ ...development, account: "555555555555" }, { endpoint: proxy.url, keys: of.root })
    const { code, text } = await run(bootstrap, session)
    expect([code, text]).to.deep.equal([
      78,
      `the credentials are of account ${ID}, and infra/config/development.ts names 555555555555; take those of 555555555555`,
    ])
    expect(proxy.actions()).to.deep.equal([FREE])
  })

  it("says in one line what is denied: of the caller, and of what the toolkit asks (77)", async () => {
    proxy.on("ssm:GetParameter", ({ action }) => accessDenied(action))
    const first = await program()
    proxy.off()
    expect(first.stderr).to.match(/^deploy: AWS refuses: .* not authorized to perform: ssm:GetParameter [^\n]*$/)
    const message = "User: x is not authorized to perform: cloudformation:CreateChangeSet"
    const body = `<ErrorResponse><Error><Code>AccessDenied</Code><Message>${message}</Message></Error></ErrorResponse>`
    proxy.on("cloudformation:CreateChangeSet", () => ({ status: 403, type: "text/xml", body }))
    const second = await program()
    proxy.off()
    expect(second.stderr).to.match(/\ndeploy: stack CDKToolkit: AWS refuses: .*cloudformation:CreateChangeSet$/)
    expect([first.code, second.code]).to.deep.equal([77, 77])
  })

  it("whose token expires under the toolkit's hands says so in one line (77)", async () => {
    const message = "The security token included in the request is expired"
    proxy.on("cloudformation:CreateChangeSet", () => queryError("ExpiredToken", message, 403))
    const { code, stderr } = await program()
    proxy.off()
    expect(stderr).to.match(
      /\ndeploy: stack CDKToolkit: AWS refuses: The security token [^\n]*; take fresh credentials$/,
    )
    expect(code).to.equal(77)
  })

  it("makes the bootstrap stack and the delivery stack, over two 500s, tells roles and repositories, with its policy's actions only", async () => {
    proxy.on("cloudformation:CreateChangeSet", (_call, nth) =>
      nth < 2 ? queryError("InternalFailure", "We are sorry", 500) : undefined,
    )
    const { code, stdout, stderr } = await program("--json")
    expect(code, stderr).to.equal(0)
    const told = JSON.parse(stdout)
    expect(told.steps.map(({ did }: { did: string }) => did)).to.deep.equal(["made", "made"])
    expect(told.roles).to.deep.equal(
      ["deploy", "plan"].map((role) => `arn:aws:iam::${ID}:role/perigee-development-pipeline-${role}`),
    )
    const registry = `${ID}.dkr.ecr.eu-central-1.amazonaws.com`
    expect(told.repositories).to.have.members(IMAGES.map((image) => `${registry}/perigee-development/${image}`))
    const always = permissions().filter(({ seldom }) => !seldom)
    expect(sent()).to.deep.equal([...new Set(always.flatMap(({ actions }) => actions))].sort())
    expect(proxy.calls.filter(({ action }) => action === "cloudformation:CreateChangeSet")).to.have.length(4)
    proxy.off()
  })

  it("again does nothing, and says so", async () => {
    const { code, stdout, stderr } = await program()
    expect(code, stderr).to.equal(0)
    expect(stdout).to.match(
      /^stack CDKToolkit \(version \d+\): stands already, nothing to do\nstack perigee-development-delivery: stands already, nothing to do\nroles\n {2}arn/,
    )
    expect(proxy.actions()).not.to.include("cloudformation:ExecuteChangeSet")
  })

  it("brings a bootstrap stack that is too old up to date, with its policy's actions only", async () => {
    const Name = "/cdk-bootstrap/hnb659fds/version"
    const Value = `${NEEDED_BOOTSTRAP_VERSION - 1}`
    await new SSMClient(settings(of)).send(new PutParameterCommand({ Name, Value, Overwrite: true }))
    const { code, stderr } = await program()
    expect(stderr).to.contain("version 22 is too old, updating it")
    expect(permissions().flatMap(({ actions }) => actions)).to.include.members(sent())
    // The emulator's own stack was never that old: nothing in it changes, and its parameter stays as the test wrote it.
    expect(code, stderr).to.equal(0)
  })
})
