/** `verify`, `status`, `diff`, `history`, the lock and the record of releases against a stage that stands. */
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DeleteItemCommand, DynamoDBClient, ScanCommand } from "@aws-sdk/client-dynamodb"
import { GetRoleCommand, IAMClient, UpdateAssumeRolePolicyCommand } from "@aws-sdk/client-iam"
import { expect } from "chai"
import { diff } from "../../../deploy/src/diff.ts"
import { history } from "../../../deploy/src/history.ts"
import { acquire, type LeaseSettings, type Lock, lockOf } from "../../../deploy/src/lock.ts"
import { Refusal } from "../../../deploy/src/refusal.ts"
import { Releases } from "../../../deploy/src/releases.ts"
import { status } from "../../../deploy/src/status.ts"
import { verify } from "../../../deploy/src/verify.ts"
import { ROLLED_OUT, releasesTable } from "../../../infra/src/names.ts"
import type { Reply } from "../../support/aws-proxy.ts"
import { deploy, environment } from "../../support/deploy/program.ts"
import { run, sessionOf } from "../../support/deploy/session.ts"
import { type Shared, shared } from "../../support/deploy/shared.ts"
import { pushImage, settings, sha256 } from "../../support/deploy/standing.ts"
import { someZip } from "../../support/infra/assembly.ts"
import { describeWith } from "../../support/needs.ts"
import { python } from "../../support/python.ts"

describeWith([python], "an account in which the stage stands", function () {
  this.timeout(180_000)
  let at: Shared
  before(async () => {
    at = await shared()
  })
  const session = (now?: () => Date) =>
    sessionOf(at.stage, { endpoint: at.proxy.url, keys: at.account.root, ...(now && { now }) })
  const digests = (images: Readonly<Record<string, string>>): string => {
    const file = join(mkdtempSync(join(tmpdir(), "perigee-digests-")), "digests.json")
    const entries = Object.entries(images).map(([name, uri]) => {
      const [repository, digest] = uri.split("@")
      return [name, { repository, digest }]
    })
    writeFileSync(file, JSON.stringify({ images: Object.fromEntries(entries) }))
    return file
  }
  /** Lines of verify that are not ✓, in a run with something amiss. */
  const amiss = async (values = {}) => {
    const { code, text } = await run(verify, session(), values)
    expect(code, text).to.equal(65)
    return text.split("\n").filter((line) => !line.startsWith("✓"))
  }
  /** Changes what an action answers, while `work` runs. */
  const with_ = async <T>(action: string, change: (text: string) => string, work: () => Promise<T>): Promise<T> => {
    at.proxy.on(action, async (call): Promise<Reply> => {
      const { status: code, body, headers } = await at.proxy.pass(call)
      return { status: code, type: String(headers["content-type"]), body: change(body.toString()) }
    })
    try {
      return await work()
    } finally {
      at.proxy.off()
    }
  }

  describe("verify", () => {
    it("is ✓ in every line and exits 0, as a program too, with the same answer as JSON", async () => {
      const env = environment(at.proxy.url, at.account.root)
      const { code, stdout, stderr } = await deploy(env, "verify", "--stage=development", "--json")
      expect([code, stderr], stdout).to.deep.equal([0, ""])
      const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: { findings: { mark: string }[] }[] }
      expect(ok).to.equal(true)
      const marks = checks.flatMap(({ findings }) => findings.map(({ mark }) => mark))
      expect(new Set(marks)).to.deep.equal(new Set(["ok"]))
      expect(marks.length).to.be.above(30)
    })

    it("tells an image that ECR has not, and one for another platform", async () => {
      const arm = await pushImage(at.stage, at.account, "user_metadata", "arm64", at.blobs)
      const none = `${at.images["get_data"]?.split("@")[0]}@${sha256("nobody pushed it")}`
      const [first, , second, , ...more] = await amiss({ images: digests({ get_data: none, user_metadata: arm }) })
      expect(more).to.deep.equal([])
      expect(first).to.match(/^✗ image get_data: perigee-development\/get_data has no sha256:[0-9a-f]{64}$/)
      expect(second).to.match(/^✗ image user_metadata: .* is for linux\/arm64, and the stage runs linux\/amd64$/)
    })

    it("looks at the running image of a name that the file of digests has not", async () => {
      const uri = await pushImage(at.stage, at.account, "get_data", "amd64", at.blobs)
      const { code, text } = await run(verify, session(), { images: digests({ get_data: uri }) })
      expect(code, text).to.equal(0)
      const images = text.split("\n").flatMap((line) => /^✓ image (\w+): /.exec(line)?.[1] ?? [])
      expect(images).to.deep.equal(ROLLED_OUT)
    })

    it("refuses a blob that is not what its digest says", async () => {
      const uri = await pushImage(at.stage, at.account, "get_data", "amd64", at.blobs)
      const [digest] = [...at.blobs.keys()].slice(-1)
      at.blobs.set(digest ?? "", "{}")
      const [line] = await amiss({ images: digests({ get_data: uri }) })
      expect(line).to.match(/^✗ images: blob sha256:[0-9a-f]+ has the digest sha256:/)
    })

    it("tells a role that ECS may no longer take", async () => {
      const iam = new IAMClient(settings(at.account))
      const RoleName = "perigee-development-user_metadata-task"
      const { Role } = await iam.send(new GetRoleCommand({ RoleName }))
      const before = decodeURIComponent(Role?.AssumeRolePolicyDocument ?? "")
      const after = before.replaceAll("ecs-tasks.amazonaws.com", "ec2.amazonaws.com")
      await iam.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument: after }))
      try {
        const lines = await amiss()
        expect(lines[0]).to.equal(
          `✗ role ${RoleName}: ecs-tasks.amazonaws.com may not take it: no statement of its trust policy names it`,
        )
        expect(lines).to.have.length(2)
      } finally {
        await iam.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument: before }))
      }
    })

    it("tells a secret that a role may not read, and – where IAM does not tell", async () => {
      const denied = (text: string) => text.replaceAll("allowed</EvalDecision>", "implicitDeny</EvalDecision>")
      const lines = await with_("iam:SimulatePrincipalPolicy", denied, () => amiss())
      expect(lines.filter((line) => /^✗ secret .*: secretsmanager:GetSecretValue is not allowed$/.test(line))).not.to.be
        .empty
      at.proxy.on("iam:SimulatePrincipalPolicy", () => ({ status: 503, type: "text/xml", body: "" }))
      const unknown = await amiss()
      at.proxy.off()
      expect(unknown[0]).to.match(/^– secret .* could not be checked: IAM's simulation/)
    })

    it("tells a certificate that waits, and one of another name", async () => {
      const pending = await with_(
        "acm:DescribeCertificate",
        (text) => text.replace('"ISSUED"', '"PENDING_VALIDATION"'),
        () => amiss(),
      )
      expect(pending[0]).to.equal("✗ certificate for dev.flights.example.com: PENDING_VALIDATION")
      const other = await with_(
        "acm:DescribeCertificate",
        (text) => text.replaceAll("dev.flights.example.com", "other.example.com"),
        () => amiss(),
      )
      expect(other[0]).to.match(
        /^✗ certificate for other\.example\.com: the stage's name is dev\.flights\.example\.com$/,
      )
    })

    it("tells quotas that are too small, with the command that asks for more", async () => {
      at.quotas.set("L-0263D0A3", 0).set("L-3032A538", 6)
      const lines = await amiss()
      at.quotas.set("L-0263D0A3", 5).set("L-3032A538", 1000)
      expect(lines[0]).to.match(/^✗ quota of Elastic IPs: 0; the account has 1, the stage needs 0 more$/)
      expect(lines[1]).to.match(/--quota-code L-0263D0A3 --desired-value 1 --region eu-central-1$/)
      expect(lines[2]).to.match(/^✗ quota of Fargate: 6 vCPU; the stage needs 6\.25 /)
    })

    it("tells a deployment that runs, of a service and of a stack", async () => {
      const service = await with_(
        "ecs:DescribeServices",
        (text) => text.replace('"COMPLETED"', '"IN_PROGRESS"'),
        () => amiss(),
      )
      expect(service[0]).to.match(
        /^✗ service user_metadata: deployment ecs-svc\/\w+ to perigee-development-user_metadata:1 runs/,
      )
      const stack = await with_(
        "cloudformation:DescribeStacks",
        (text) => text.replace(/(-neo<\/StackName>[\s\S]*?)CREATE_COMPLETE/, "$1UPDATE_IN_PROGRESS"),
        () => amiss(),
      )
      expect(stack[0]).to.equal("✗ stack perigee-development-neo is being changed: UPDATE_IN_PROGRESS")
    })

    it("tells a stack that is stuck, which a plan would refuse", async () => {
      for (const status of ["UPDATE_ROLLBACK_FAILED", "DELETE_FAILED"]) {
        const lines = await with_(
          "cloudformation:DescribeStacks",
          (text) => text.replace(/(-neo<\/StackName>[\s\S]*?)CREATE_COMPLETE/, `$1${status}`),
          () => amiss(),
        )
        expect(lines[0]).to.equal(`✗ stack perigee-development-neo can't be updated: ${status}`)
      }
    })

    it("one check that gets no answer is ✗ when its time is over, the others go on", async () => {
      at.proxy.on("acm:DescribeCertificate", () => "silence")
      const lines = await amiss({ seconds: "5" })
      at.proxy.off()
      expect(lines[0]).to.equal("✗ certificate: no answer within 5 s")
    })

    it("refuses --seconds that are none (64), and --images that is not there (66)", async () => {
      for (const [values, code] of [
        [{ seconds: "0" }, 64],
        [{ seconds: "x" }, 64],
        [{ images: "/nonexistent.json" }, 66],
      ] as const) {
        expect((await run(verify, session(), values)).code).to.equal(code)
      }
    })
  })

  describe("status", () => {
    it("tells services, image, counts, the deployment, the function, parameters and the lock", async () => {
      const { code, text } = await run(status, session())
      expect(code).to.equal(0)
      expect(text).to.match(/^ecs user_metadata {2}perigee-development-user_metadata:1 {2}\d+\/\d+ running\n {2}image /)
      expect(text).to.match(/\n {2}deployment ecs-svc\/\w+ {2}PRIMARY COMPLETED/)
      expect(text).to.match(/\nlambda perigee-development-neows {2}\$LATEST \(no alias live yet\)/)
      expect(text).to.contain(`\n  get_data  ${at.images["get_data"]}\n`)
      expect(text).to.match(/\nlock: free$/)
    })
  })

  describe("diff", () => {
    it("of the very templates that are deployed tells the images that a rollout left, and nothing else but the zip", async () => {
      const { text } = await run(diff, session(), { "lambda-zip": someZip(), json: true })
      const { units } = JSON.parse(text) as { units: { name: string; differences: { field: string }[] }[] }
      // The stacks were deployed before the parameters had an image: a task definition has the word none.
      for (const { name, differences } of units) {
        const fields = differences.map(({ field }) => field.replace(/\[\w+\]/, ""))
        expect(fields, name).to.deep.equal(["containerDefinitions.image"])
      }
      expect(units.map(({ name }) => name)).to.include("perigee-development-get-data")
    })

    it("tells the image of a digests file, of the parameter and of the task definition", async () => {
      const uri = await pushImage(at.stage, at.account, "flight_metadata", "amd64", at.blobs)
      const { text } = await run(diff, session(), {
        "lambda-zip": someZip(),
        images: digests({ flight_metadata: uri }),
      })
      expect(text).to.contain(
        `image parameters\n  flight_metadata\n    - ${at.images["flight_metadata"]}\n    + ${uri}`,
      )
      expect(text).to.contain(
        `ecs perigee-development-flight_metadata: runs perigee-development-flight_metadata:1\n  containerDefinitions[flight_metadata].image\n    - none\n    + ${uri}`,
      )
    })

    it("without the Lambda's package says how to make it (66)", async () => {
      const { code, text } = await run(diff, session(), { "lambda-zip": "/nonexistent/lambda.zip" })
      expect([code, text]).to.deep.equal([66, "/nonexistent/lambda.zip is not there; npm run build -w lambda makes it"])
    })
  })

  describe("the record of releases", () => {
    const beginning = {
      commit: "0123456789abcdef0123456789abcdef01234567",
      who: "arn:aws:iam::111111111111:user/somebody",
      command: "deploy",
      images: { get_data: "new" },
      previousImages: { get_data: "old" },
      planDigest: "sha256:plan",
      term: 3,
    }

    it("has what was begun and how it ended; what ended can't end again", async () => {
      const releases = new Releases(session())
      const begun = await releases.begin(beginning)
      expect(await releases.get(begun.id)).to.deep.equal({ ...beginning, ...begun, outcome: "running" })
      const ended = await releases.end(begun.id, { outcome: "failed", reason: "tasks stopped: exit code 1" })
      expect(ended).to.include({ outcome: "failed", reason: "tasks stopped: exit code 1", commit: beginning.commit })
      expect(await releases.get(begun.id)).to.deep.equal(ended)
      const again = await releases.end(begun.id, { outcome: "succeeded" }).catch((error: unknown) => error)
      expect(again)
        .to.be.instanceOf(Refusal)
        .with.property("message")
        .that.matches(/is not running/)
    })

    it("history tells them, the newest first, as many as asked for; lastGood is the newest that succeeded", async () => {
      let day = 0
      const releases = new Releases(session(() => new Date(Date.UTC(2030, 0, ++day))))
      const ids: string[] = []
      for (const outcome of ["succeeded", "succeeded", "rolled-back"] as const) {
        const { id } = await releases.begin(beginning)
        await releases.end(id, { outcome })
        ids.unshift(id)
      }
      expect((await releases.newest(2)).map(({ id }) => id)).to.deep.equal(ids.slice(0, 2))
      expect((await releases.lastGood())?.id).to.equal(ids[1])
      const { code, text } = await run(history, session(), { limit: "3" })
      expect(code).to.equal(0)
      expect(text.split("\n")).to.have.length(3)
      expect(text).to.match(
        /^2030-01-05T00:00:00.000Z {2}0123456789ab {2}deploy {2}rolled-back in 86400 s {2}arn:aws:iam/,
      )
    })

    for (const limit of ["0", "101", "1.5", "x"]) {
      it(`history refuses --limit=${limit} (64)`, async () => {
        expect((await run(history, session(), { limit })).code).to.equal(64)
      })
    }
  })

  describe("the lock", () => {
    const claim = { who: "arn:aws:iam::111111111111:user/somebody", command: "deploy 0123456" }
    const settingsOf = (lease: number, renewal = lease / 3, skew = 0): LeaseSettings => ({ lease, renewal, skew })
    const forever = settingsOf(3_600_000)
    const taken = async (work: Promise<Lock>) => await work.catch((error: unknown) => error as Refusal)
    /** As after a SIGKILL: the item stays, and nobody renews it. */
    const kill = (lock: Lock) => lock.abandon()
    beforeEach(async () => {
      const Key = { kind: { S: "lock" }, id: { S: "deployment" } }
      await new DynamoDBClient(settings(at.account)).send(
        new DeleteItemCommand({ TableName: releasesTable("development"), Key }),
      )
    })

    it("of twenty who take it at once one has it; the others are told who (75)", async () => {
      const all = await Promise.all(Array.from({ length: 20 }, () => taken(acquire(session(), claim, 0, forever))))
      const locks = all.filter((one) => "record" in one)
      expect(locks).to.have.length(1)
      for (const refusal of all.filter((one) => one instanceof Refusal)) {
        expect(refusal.exitCode).to.equal(75)
        expect(refusal.message).to.match(
          /^arn:aws:iam::111111111111:user\/somebody is changing development since .* \(deploy 0123456\)/,
        )
      }
      await locks[0]?.release()
      expect(await lockOf(session(), new AbortController().signal)).to.equal(undefined)
    })

    it("given back it is anybody's, and its terms go on counting", async () => {
      const first = await acquire(session(), claim, 0, forever)
      await first.release()
      const second = await acquire(session(), claim, 0, forever)
      await second.release()
      expect([first.record.term, second.record.term, second.overtaken]).to.deep.equal([1, 2, undefined])
    })

    it("of a dead holder it is taken over when its lease is over, by one of many, who learns whose it was", async () => {
      const dead = await acquire(session(), claim, 0, forever)
      kill(dead)
      expect(await taken(acquire(session(), claim, 0, forever))).to.be.instanceOf(Refusal)
      const later = () => new Date(Date.now() + 3_700_000)
      const all = await Promise.all(Array.from({ length: 10 }, () => taken(acquire(session(later), claim, 0, forever))))
      const locks = all.filter((one) => "record" in one)
      expect(locks).to.have.length(1)
      expect(locks[0]?.overtaken?.holder).to.equal(dead.record.holder)
      expect(locks[0]?.record.term).to.equal(2)
      await locks[0]?.release()
    })

    it("is left alone for the skew of two clocks beyond the lease", async () => {
      const dead = await acquire(session(), claim, 0, forever)
      kill(dead)
      const later = () => new Date(Date.now() + 3_700_000)
      const careful = settingsOf(3_600_000, 1_000_000, 3_600_000)
      expect(await taken(acquire(session(later), claim, 0, careful))).to.be.instanceOf(Refusal)
    })

    it("a living holder keeps it beyond its first lease; whoever waits gets it when it is given back", async () => {
      const short = settingsOf(5_000, 200)
      const living = await acquire(session(), claim, 0, short)
      const until = living.record.leaseUntil
      const waiting = acquire(session(), claim, 60_000, { ...short, renewal: 100 })
      // Renewed at least once: the lease in the table ends later than the first.
      while ((await lockOf(session(), new AbortController().signal))?.leaseUntil === until);
      expect(living.lost.aborted).to.equal(false)
      await living.release()
      const next = await waiting
      expect([next.record.term, next.overtaken]).to.deep.equal([2, undefined])
      await next.release()
    })

    it("a holder that was overtaken learns it at its next renewal, and does not give back another's lock", async () => {
      const slow = await acquire(session(), claim, 0, settingsOf(60_000, 500))
      const later = () => new Date(Date.now() + 3_700_000)
      const taker = await acquire(session(later), claim, 0, forever)
      if (!slow.lost.aborted) await new Promise((heard) => slow.lost.addEventListener("abort", heard, { once: true }))
      expect((slow.lost.reason as Refusal).message).to.match(/is lost: another took it over/)
      await slow.release()
      expect((await lockOf(session(), new AbortController().signal))?.holder).to.equal(taker.record.holder)
      await taker.release()
    })

    it("a holder that can't renew it in time gives up by itself, before anybody may take it", async () => {
      const lock = await acquire(session(), claim, 0, settingsOf(1_500, 200))
      at.proxy.on("dynamodb:UpdateItem", () => "cut")
      await new Promise((heard) => lock.lost.addEventListener("abort", heard, { once: true }))
      at.proxy.off()
      expect((lock.lost.reason as Refusal).message).to.match(/could not be renewed in time/)
      await lock.release()
    })

    it("verify and status tell who holds it", async () => {
      const lock = await acquire(session(), claim, 0, forever)
      expect((await run(status, session())).text).to.match(
        /\nlock: arn:aws:iam.*somebody, deploy 0123456, since .*, lease until /,
      )
      const lines = await amiss()
      expect(lines[0]).to.match(/^✗ lock: held by arn:aws:iam::111111111111:user\/somebody since /)
      await lock.release()
      const { Count } = await new DynamoDBClient(settings(at.account)).send(
        new ScanCommand({ TableName: releasesTable("development"), FilterExpression: "attribute_exists(holder)" }),
      )
      expect(Count).to.equal(0)
    })
  })
})
